// Every limit and time-out of a server for main connections, with its default. Ring 4, values.
#pragma once

#include <muxpro/options.hpp>
#include <muxpro/proxy/dialer.hpp>
#include <muxpro/proxy/nat_table.hpp>
#include <muxpro/relay_options.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace muxpro::proxy {

struct server_options {
  /// A half-closed sub-stream has as long as session.half_close_linger allows: the relay's own shorter limits
  /// would cut off a client that says more, or waits longer, than most.
  server_options() { relay.uplink_only = relay.downlink_only = session.half_close_linger; }

  session_options session;
  relay_options relay;
  dial_options dial;
  nat_limits nat;

  // --- main connections
  /// Whose version negotiation is not over, in the process and of one source address (OpenSSH MaxStartups).
  std::uint32_t max_unnegotiated = 1024;
  std::uint32_t max_unnegotiated_per_source = 16;
  /// How long accepting rests when descriptors or memory run out.
  duration accept_backoff = std::chrono::milliseconds(100);
  /// Without an acknowledgement of sent bytes: the main connection is lost (TCP_USER_TIMEOUT).
  duration user_timeout = std::chrono::seconds(30);
  /// After drain(): what is still open then is cut.
  duration drain_timeout = std::chrono::seconds(30);

  // --- dials
  /// Under way in one session, and waiting for one of these places; more are ended with code 4.
  std::uint32_t max_pending_dials = 128;
  std::uint32_t max_waiting_dials = 128;
  /// New sub-streams that one session may dial in a second; the rest waits with the above. 0 = no limit.
  std::uint32_t new_rate = 0;

  // --- logging
  /// About one source address in a second; further ones are counted.
  std::uint32_t log_lines = 10;

  /// All time-outs divided by `factor`, for tests. Rates and sizes stay.
  server_options scaled(double factor) const;
  /// Empty if every value makes sense, else one sentence that names the option and its bounds.
  std::string validate() const;
};

}  // namespace muxpro::proxy
