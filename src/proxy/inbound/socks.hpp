// SOCKS 4, 4a and 5. Ring 4.
#pragma once

#include "proxy/inbound/login_guard.hpp"
#include "proxy/inbound/mux.hpp"
#include "proxy/policy/accounts.hpp"
#include "proxy/socks/server.hpp"

#include <muxpro/proxy/inbound.hpp>
#include <muxpro/relay_options.hpp>

#include <asio/ip/address.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

namespace muxpro::proxy {

struct socks_inbound_options {
  /// Accounts of the clients. If empty, clients do not authenticate.
  accounts users;
  /// From the accepted connection to its request, absolute (OpenSSH's LoginGraceTime: 120 s). It is short
  /// because of attackers.
  duration handshake = std::chrono::seconds(10);
  relay_options relay;
  /// Serves main connections to clients that ask for mux.pro:9527. If null, that is a target as any other.
  std::shared_ptr<const mux_inbound> main_connections;
  /// UDP ASSOCIATE. An association ends with its connection, or when no datagram has come for relay.idle. It
  /// is refused (reply 7, 2 for a blackhole) if the rules lead datagrams to no outbound that carries them.
  bool udp = true;
  /// The address in the reply, to which a client sends its datagrams. For a machine behind a one-to-one NAT.
  /// Without a value it is the address that the client has connected to.
  std::optional<asio::ip::address> udp_address;
  /// Associations at a time.
  std::uint32_t max_associations = 1024;
};

/// The plan of an inbound with these options.
inbound_plan plan_of(const socks_inbound_options& o);

class socks_inbound final : public inbound {
 public:
  explicit socks_inbound(socks_inbound_options options) : options_(std::move(options)) {}

  asio::awaitable<void> serve(std::shared_ptr<connection> c, context ctx, dispatcher& to,
                              admission::ticket place) const override;
  /// Serves a client of which bytes were read already. `who` must outlive the call.
  asio::awaitable<void> serve(pending_client& who, dispatcher& to) const;

 private:
  asio::awaitable<std::optional<socks_request>> negotiate(pending_client& who, const dispatcher& to) const;
  asio::awaitable<void> connect(pending_client& who, dispatcher& to, socks_version version) const;
  /// Returns why a UDP ASSOCIATE is refused. `others` is the number of existing associations.
  std::error_code refuse_association(const context& ctx, const dispatcher& to, std::uint32_t others) const;
  asio::awaitable<void> associate(std::shared_ptr<connection> c, context ctx, dispatcher& to) const;

  const socks_inbound_options options_;
  const std::shared_ptr<login_guard> logins_ = std::make_shared<login_guard>();
  const std::shared_ptr<std::atomic<std::uint32_t>> associations_ =
      std::make_shared<std::atomic<std::uint32_t>>(0);
};

}  // namespace muxpro::proxy
