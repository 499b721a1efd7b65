// SOCKS 4, 4a and 5. Ring 4.
#pragma once

#include <muxpro/proxy/accounts.hpp>
#include <muxpro/proxy/inbound.hpp>
#include <muxpro/proxy/inbounds/mux.hpp>
#include <muxpro/proxy/socks.hpp>
#include <muxpro/relay_options.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace muxpro::proxy {

struct socks_inbound_options {
  /// Empty: nobody is asked for his name.
  accounts users;
  /// From the accepted connection to its request, absolute (OpenSSH's LoginGraceTime: 120 s; attackers need
  /// less).
  duration handshake = std::chrono::seconds(10);
  relay_options relay;
  /// Serves main connections to whom asks for mux.pro:9527; none: that is a target as any other.
  std::shared_ptr<const mux_inbound> main_connections;
  /// UDP ASSOCIATE. An association ends with its connection, or when no datagram has come for relay.idle.
  bool udp = true;
  /// Associations at a time.
  std::uint32_t max_associations = 1024;
};

class socks_inbound final : public inbound {
 public:
  explicit socks_inbound(socks_inbound_options options) : options_(std::move(options)) {}

  asio::awaitable<void> serve(std::shared_ptr<connection> c, context known, dispatcher& to,
                              admission::ticket place) const override;
  /// One that has said something already, and that its owner keeps to the end.
  asio::awaitable<void> serve(newcomer& who, dispatcher& to) const;

 private:
  asio::awaitable<std::optional<socks_request>> negotiate(newcomer& who) const;
  asio::awaitable<void> connect(newcomer& who, dispatcher& to, socks_version version) const;
  asio::awaitable<void> associate(std::shared_ptr<connection> c, context known, dispatcher& to) const;

  const socks_inbound_options options_;
  const std::shared_ptr<std::atomic<std::uint32_t>> associations_ =
      std::make_shared<std::atomic<std::uint32_t>>(0);
};

}  // namespace muxpro::proxy
