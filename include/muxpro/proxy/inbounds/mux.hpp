// Main connections whose sub-streams go their own ways. Ring 4.
#pragma once

#include <muxpro/proxy/inbound.hpp>
#include <muxpro/relay_options.hpp>
#include <muxpro/session.hpp>

#include <cstdint>
#include <memory>
#include <string_view>

namespace muxpro::proxy {

struct mux_inbound_options {
  /// A half-closed sub-stream has as long as session.half_close_linger allows.
  mux_inbound_options() { relay.uplink_only = relay.downlink_only = session.half_close_linger; }

  session_options session;
  relay_options relay;
  /// Sub-streams of a main connection whose targets are sought, at a time and waiting for that; more are
  /// ended with code 4.
  std::uint32_t max_pending_dials = 128;
  std::uint32_t max_waiting_dials = 128;
};

/// Each sub-stream is a connection of its own for the dispatcher, with the context of its main connection.
class mux_inbound final : public inbound {
 public:
  /// Throws std::invalid_argument with a sentence about an option that makes no sense.
  explicit mux_inbound(mux_inbound_options options);

  asio::awaitable<void> serve(std::shared_ptr<connection> c, context known, dispatcher& to,
                              admission::ticket place) const override;
  bool lasting() const noexcept override { return true; }
  /// A main connection inside the protocol of `outer`: the other end of the link speaks Mux.Pro.
  inbound_link serve_inside(connection& outer, context known, dispatcher& to) const;

 private:
  const mux_inbound_options options_;
};

/// What a client asks another protocol for that wants a main connection.
inline constexpr std::string_view main_connection_host = "mux.pro";
inline constexpr std::uint16_t main_connection_port = 9527;
bool asks_for_main_connection(const destination& target);

/// Where `c` goes: to a main connection, if it asks for one and `inside` serves them, else to the dispatcher.
inbound_link begin(connection& c, context&& known, dispatcher& to, client_side client,
                   const std::shared_ptr<const mux_inbound>& inside);

}  // namespace muxpro::proxy
