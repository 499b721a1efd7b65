// resources, which the outbounds of a proxy share. Holds names, policies, dialers, transports and NAT tables.
#pragma once

#include "proxy/config/config.hpp"
#include "proxy/dial/connect_operation.hpp"
#include "proxy/dial/next_outbound.hpp"
#include "proxy/engine/file_watch.hpp"
#include "proxy/udp/udp_nat.hpp"

#include <muxpro/proxy/registry.hpp>
#include <muxpro/proxy/transport_dialer.hpp>

#include <asio/io_context.hpp>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace muxpro::proxy {

class resources {
 public:
  /// `c` must outlive it.
  resources(const config& c, std::shared_ptr<datagram_drops> drops);
  resources(const resources&) = delete;
  ~resources();

  /// Throws std::runtime_error with one sentence that names `tag`.
  transport_options make_transport(const stream_config& s, const std::string& tag);
  /// The outbounds that it makes keep a copy of `o`.
  outbound_factory make_outbound(const outbound_config& o);
  /// Forgets the server of an outbound that was removed.
  void forget(std::string_view tag);
  /// Called before the first thread. Outbounds go through those of `d`.
  void add_thread(dispatcher& d) { threads_->add(d); }
  /// Learns on `io` when the addresses of this machine change. Once.
  void watch_addresses(asio::io_context& io);
  /// Whether an outbound has dialled the connection itself.
  bool has_dialled(const context::inbound_part& accepted) const;
  /// No outbound dials this listener.
  void add_listener(const asio::ip::tcp::endpoint& at);
  void remove_listener(const asio::ip::tcp::endpoint& at);
  /// Removes what is idle from the NAT tables, on `io`, also from those that are made later.
  void sweep(asio::io_context& io);
  /// As configured_proxy::reload_files().
  std::vector<std::string> reload_files() { return files_.reload(); }
  /// Looks on `io` whether files of transports have changed.
  void watch_files(asio::io_context& io, log_sink log);
  /// Whether the last dial of an outbound's server has failed a moment ago.
  bool failing(std::string_view tag) const;
  nat_counts datagrams() const;

  /// For what the operator chooses.
  const dial_policy& policy_of_operator() const noexcept { return open_; }

  resolver names;

 private:
  class of_outbound;
  std::shared_ptr<const next_outbound> next_of(const outbound_config& o) const;

  /// By whether private targets are allowed, by the family that names get, by the ports that are refused, by
  /// the datagrams of a user in a second, by their time-outs, and by the options of their sockets.
  using nat_key = std::tuple<bool, dial_family, std::string, std::uint32_t, duration, duration, std::string>;

  const config& config_;
  const bool local_only_;
  const std::shared_ptr<datagram_drops> drops_;
  const std::shared_ptr<own_addresses> own_;
  const std::shared_ptr<own_dials> dials_ = std::make_shared<own_dials>();
  dial_policy open_{own_}, careful_{own_};
  const std::shared_ptr<dispatchers> threads_ = std::make_shared<dispatchers>();
  file_watch files_;
  mutable std::mutex access_;  ///< to what is below, which outbounds may join while the proxy runs
  asio::io_context* sweeping_ = nullptr;
  std::map<nat_key, udp_nat> nats_;
  std::map<std::string, std::shared_ptr<transport_dialer>, std::less<>> dialers_;  // by tag
};

}  // namespace muxpro::proxy
