// Bidirectional copy between two streams until both have ended. Ring 3.
#pragma once

#include <muxpro/detail/relay_state.hpp>

#include <asio/co_spawn.hpp>

#include <type_traits>
#include <utility>

namespace muxpro {

/// Copies a to b and b to a. Each is a TCP or local socket, an asio::ssl::stream, a pipe_end, a sub_stream,
/// or any other stream. Both belong to one strand and stay alive, and are not read, written or closed
/// elsewhere, until the relay completes.
///
/// EOF on one side is passed on when everything before it was passed on, by shutdown(shutdown_send) of a
/// socket, else by async_shutdown() if the stream has one. The other direction goes on, within uplink_only or
/// downlink_only. A TLS stream that ends without close_notify is cut, which is no EOF.
///
/// EOF of b inside of relay_options::head_of_b is errc::connection_lost. Before the head it is EOF as any
/// other.
///
/// A failure ends its own direction. Bytes of the other direction that were read are delivered.
/// - If a write fails, the other direction goes on to its EOF, within uplink_only or downlink_only. What the
///   remaining side still sends is dropped, up to 16 MiB. The relay ends when that side has sent EOF, or
///   relay_options::linger after it has received everything. The side whose write failed sees a cut.
/// - If a read fails, the other side gets what came before, then a reset. EOF of a socket counts as a failed
///   read if a write has taken the error of its reset.
///
/// A reset or a cut never looks like EOF. A sub_stream is reset (with the code that the other one's peer
/// gave, or timeout, else remote_disconnect). A TCP socket sends RST. A pipe_end is reset. Any other stream
/// is closed, and so are local sockets, which have no reset.
///
/// A limit and cancellation end both sides at once. A side that was passed EOF is closed and not reset, which
/// would take back what its peer has not received yet.
///
/// Signature: void(error_code, relay_result). Completes once both directions have ended, without an error
/// after EOF on both sides. The streams are then the caller's to close. With an error it has ended them.
/// asio::as_tuple shows the byte counts of a relay that failed, too.
/// Errors: that of the first read or write that failed, see relay_result::failed, also if the other direction
/// went on to its EOF. asio::error::timed_out by a limit of relay_options. errc::bad_option if
/// relay_options::validate() finds a mistake, errc::bad_handle if a stream is an empty handle (the streams
/// are unchanged then). Cancellation (any type): cuts both sides, operation_aborted. Bytes under way are
/// lost.
template <async_stream A, async_stream B, class Token = asio::use_awaitable_t<>>
auto async_relay(A& a, B& b, relay_options options, Token&& token = {}) {
  return asio::async_initiate<Token, void(error_code, relay_result)>(detail::initiate_relay<A, B>{&a, &b},
                                                                     token, std::move(options));
}

/// As async_relay() of two streams whose types are known.
template <class Token = asio::use_awaitable_t<>>
auto async_relay(any_stream& a, any_stream& b, relay_options options, Token&& token = {}) {
  return asio::async_initiate<Token, void(error_code, relay_result)>(
      detail::initiate_relay<any_stream, any_stream>{&a, &b}, token, std::move(options));
}

/// As async_relay() with the default options.
template <async_stream A, async_stream B>
auto async_relay(A& a, B& b) {
  return async_relay(a, b, relay_options(), asio::use_awaitable);
}

/// Reports at compile time that a stream is one of Boost.Asio.
template <class A, class B, class... More>
requires(detail::of_boost_asio<A> || detail::of_boost_asio<B>) void async_relay(A&, B&, More&&...) {
  [[maybe_unused]] detail::boost_asio_is_refused<A> of_a;
  [[maybe_unused]] detail::boost_asio_is_refused<B> of_b;
}

/// Sends EOF to the peer, as a relay does when one side ends. TLS sends close_notify and does not wait for
/// the peer's close_notify.
/// Signature: void(std::exception_ptr), null. Completes when the stream has taken EOF, behind all that was
/// written.
/// Errors: none. A stream that failed reports it to its reads and writes. Cancellation (terminal): stops
/// waiting. EOF may still be sent.
template <async_stream Stream, class Token = asio::use_awaitable_t<>>
auto async_send_eof(Stream& s, Token&& token = {}) {
  if constexpr (std::is_same_v<std::decay_t<Token>, asio::use_awaitable_t<>>)
    return detail::pass_eof(s);
  else
    return asio::co_spawn(s.get_executor(), detail::pass_eof(s), std::forward<Token>(token));
}

/// Ends both directions at once. Pending operations end, and the peer can distinguish the end from EOF.
template <async_stream Stream>
void cut(Stream& s, end_code code = end_code::remote_disconnect) noexcept {
  detail::end_stream(s, detail::stream_ending::cut, code);
}

/// Closes the stream after async_send_eof(). Pending operations end. Written bytes still go to the peer.
/// Unread bytes of the peer are dropped before, because the kernel would answer them with RST, which discards
/// written bytes. Bytes that the peer sends later have that effect. If the peer may send more, the caller
/// should read to its EOF first.
template <async_stream Stream>
void close_after_eof(Stream& s) noexcept {
  detail::end_stream(s, detail::stream_ending::close, end_code::graceful);
}

}  // namespace muxpro
