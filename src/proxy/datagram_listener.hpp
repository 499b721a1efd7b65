// Datagrams of many sources on one port: each source is a connection of its own.
#pragma once

#include "quiet_timer.hpp"

#include <muxpro/proxy/dispatcher.hpp>
#include <muxpro/proxy/inbound.hpp>

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/udp.hpp>

#include <list>
#include <map>
#include <memory>
#include <string>

namespace muxpro::proxy {

struct datagram_listener_options {
  /// At a time; then the one that was silent for longest has to go.
  std::size_t sources = 1024;
  /// Without a datagram (RFC 4787 REQ-5: 2 min).
  duration idle = std::chrono::minutes(2);
  /// It stands between its clients and where they send to: the gateway that the inbound is asked about is
  /// where a client's first datagram was sent to. If that becomes the target, each datagram has its own, and
  /// answers come from there.
  bool transparent = false;
  std::shared_ptr<const sniff_policy> sniffing;
};

/// Lives on one thread.
class datagram_listener : public std::enable_shared_from_this<datagram_listener> {
 public:
  /// Binds. Throws std::system_error.
  datagram_listener(asio::io_context& io, const asio::ip::udp::endpoint& at, std::string tag,
                    std::shared_ptr<const inbound> serves, dispatcher& to, datagram_listener_options options);

  asio::ip::udp::endpoint local() const { return socket_.local_endpoint(); }
  void start();
  /// On its thread. Ends all sources.
  void close();
  std::size_t sources() const noexcept { return sources_.size(); }

 private:
  struct source;
  using order = std::list<asio::ip::udp::endpoint>;  ///< least recently heard first

  asio::awaitable<void> run(std::shared_ptr<datagram_listener> self);
  asio::awaitable<void> forward(const asio::ip::udp::endpoint& from, const asio::ip::udp::endpoint& to,
                                const_bytes payload);
  std::shared_ptr<source> source_at(const asio::ip::udp::endpoint& from, const asio::ip::udp::endpoint& to);
  std::shared_ptr<source> admit(const asio::ip::udp::endpoint& from, const asio::ip::udp::endpoint& to);
  asio::awaitable<void> answer(source& s, asio::const_buffer data, const host_port& peer);
  void drop(const asio::ip::udp::endpoint& which);
  static asio::awaitable<void> bring_answers(std::shared_ptr<datagram_listener> self,
                                             std::shared_ptr<source> s);

  asio::ip::udp::socket socket_;
  const std::string tag_;
  const std::shared_ptr<const inbound> serves_;
  dispatcher& to_;
  const datagram_listener_options options_;
  std::map<asio::ip::udp::endpoint, std::shared_ptr<source>> sources_;
  order heard_;
};

}  // namespace muxpro::proxy
