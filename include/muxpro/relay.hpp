// Bidirectional copy between two streams until both have ended. Ring 3.
#pragma once

#include <muxpro/detail/relay_state.hpp>

#include <utility>

namespace muxpro {

/// Copies a to b and b to a. Each is a TCP or local socket, an asio::ssl::stream, a pipe_end, a sub_stream,
/// or any other stream; both belong to one strand and stay alive, and are read, written and closed by
/// nobody else, until the relay completes.
///
/// EOF on one side is passed on when everything before it is: by shutdown(shutdown_send) of a socket, else by
/// async_shutdown() if the stream has one. The other direction goes on, within uplink_only or downlink_only.
/// TLS has no EOF without close_notify: where that is missing it is a cut.
///
/// Any other end cuts both sides, so that neither peer takes it for a clean one: a sub_stream is reset (with
/// the code that the other one's peer gave, or timeout, else remote_disconnect), a TCP socket sends RST, any
/// other stream is closed. A TCP socket that was passed EOF before is closed without RST, which would take back
/// what its peer has not read yet.
///
/// Signature: void(error_code, relay_result). Completes once both directions have ended; without an error
/// after EOF on both sides; the streams are then the caller's to close. asio::as_tuple shows the byte counts
/// of a relay that failed, too.
/// Errors: what a read or a write ended with, see relay_result::failed; asio::error::timed_out by a limit of
/// relay_options; errc::bad_option if relay_options::validate() finds a mistake (nothing is touched then).
/// Cancellation (any type): cuts both sides; operation_aborted. Bytes under way are lost.
template <async_stream A, async_stream B, class Token = asio::use_awaitable_t<>>
auto async_relay(A& a, B& b, relay_options options, Token&& token = {}) {
  return asio::async_initiate<Token, void(error_code, relay_result)>(detail::initiate_relay<A, B>{&a, &b},
                                                                     token, options);
}

template <async_stream A, async_stream B>
auto async_relay(A& a, B& b) {
  return async_relay(a, b, relay_options(), asio::use_awaitable);
}

/// What a relay does when one side ends, for those who end a stream themselves. EOF to the peer; of TLS a
/// close_notify, and the peer's is not waited for.
template <async_stream Stream>
asio::awaitable<void> async_send_eof(Stream& s) {
  return detail::pass_eof(s);
}

/// Both ways, at once: operations end, and the peer sees that it was no clean end.
template <async_stream Stream>
void cut(Stream& s, end_code code = end_code::remote_disconnect) noexcept {
  detail::try_cut(s, code);
}

}  // namespace muxpro
