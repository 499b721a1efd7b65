// Main connections whose sub-streams are connections of their own, and the limits of both. Ring 4.
#pragma once

#include "proxy/policy/share_counts.hpp"

#include <muxpro/proxy/inbound.hpp>
#include <muxpro/proxy/registry.hpp>
#include <muxpro/relay_options.hpp>
#include <muxpro/session.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace muxpro::proxy {

class main_connection;

struct mux_inbound_options {
  /// A half-closed sub-stream has as long as session.half_close_linger allows.
  mux_inbound_options() { relay.uplink_only = relay.downlink_only = session.half_close_linger; }

  /// All time-outs divided by `factor`, for tests. Rates and sizes stay.
  mux_inbound_options scaled(double factor) const;
  /// Empty if every value makes sense, else one sentence that names the option and its bounds.
  std::string validate() const;

  session_options session;
  relay_options relay;
  /// Main connections whose negotiation is not over, of the inbound and of one source address (OpenSSH
  /// MaxStartups). The newest connection is dropped beyond that.
  std::uint32_t max_unnegotiated = 1024;
  std::uint32_t max_unnegotiated_per_source = 16;
  /// Main connections at a time of one user, and of one source. A source is an IPv4 address or the /64 of an
  /// IPv6 address.
  std::uint32_t max_main_connections_per_user = 256;
  std::uint32_t max_main_connections_per_source = 4096;
  /// Sub-streams of a main connection whose targets are dialled, at a time and waiting for that. More are
  /// ended with code 4.
  std::uint32_t max_pending_dials = 128;
  std::uint32_t max_waiting_dials = 128;
  /// Dials in a second for one main connection. Further ones wait. 0 means no limit.
  std::uint32_t new_rate = 0;
};

/// The plan of an inbound with these options.
inbound_plan plan_of(const mux_inbound_options& o);

/// What a main connection holds of the limits of its source and its user.
struct main_connection_places {
  std::optional<share_counts::one> of_source, of_user;
};

/// Each sub-stream is a connection of its own for the dispatcher, with the context of its main connection.
class mux_inbound final : public inbound {
 public:
  /// Throws std::invalid_argument with a sentence about an option that makes no sense.
  explicit mux_inbound(mux_inbound_options options);

  asio::awaitable<void> serve(std::shared_ptr<connection> c, context ctx, dispatcher& to,
                              admission::ticket place) const override;
  void start(std::shared_ptr<connection> c, context ctx, dispatcher& to, admission::ticket place,
             std::shared_ptr<const void> owner) const override;
  const mux_inbound_options& options() const noexcept { return options_; }
  bool long_lived() const noexcept override { return true; }
  std::shared_ptr<admission> waiting() const noexcept override { return unnegotiated_; }
  /// A main connection inside another protocol, whose inbound has read the request of `c`.
  asio::awaitable<void> serve(std::unique_ptr<client> c, dialect speaks, context&& ctx, dispatcher& to) const;

 private:
  /// Returns nothing if there are too many main connections of the client's user or source.
  std::optional<main_connection_places> take_places(const context::inbound_part& client) const;
  /// Null if there are too many.
  std::shared_ptr<main_connection> make(connection& c, session_options options, context ctx, dispatcher& to,
                                        admission::ticket place) const;
  /// No coroutine, whose frame would keep options and context as long as the main connection lives.
  asio::awaitable<void> serve(const std::shared_ptr<connection>& c, session_options options, context ctx,
                              dispatcher& to, admission::ticket place) const;

  const mux_inbound_options options_;
  const std::shared_ptr<const relay_options> relay_;
  const std::shared_ptr<admission> unnegotiated_;
  const std::shared_ptr<share_counts> main_connections_;
};

/// `inside` serves `c` if it asks for a main connection, unless `inside` is null. Else
/// dispatcher::dispatch().
asio::awaitable<void> dispatch_or_accept_mux(std::unique_ptr<client> c, context&& ctx, dispatcher& to,
                                             const std::shared_ptr<const mux_inbound>& inside);

}  // namespace muxpro::proxy
