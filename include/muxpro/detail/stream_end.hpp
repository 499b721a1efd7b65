// end_stream(), pass_eof(), reset_stream(): end a stream of a relay behind EOF, by a reset behind the bytes
// before it, or at once. Ring 3.
#pragma once

#include <muxpro/detail/byte_stream.hpp>
#include <muxpro/detail/pass_eof.hpp>
#include <muxpro/error.hpp>
#include <muxpro/plain_socket.hpp>

#include <asio/redirect_error.hpp>
#include <asio/socket_base.hpp>

#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace muxpro::detail {

template <class Stream>
asio::awaitable<void> pass_eof(Stream& s) {
  pass_eof_at_once(s);
  if constexpr (shuts_down_in_time<Stream>) {
    error_code ignored;
    auto token = asio::redirect_error(asio::use_awaitable, ignored);
    co_await asio::async_initiate<decltype(token), void(error_code)>(initiate_eof<Stream>{&s}, token);
  }
  co_return;
}

/// Whether the lowest layer is a socket. Its kernel holds bytes that the peer has not received, and discards
/// them if the socket is closed while bytes of the peer are unread.
template <class Stream>
constexpr bool over_socket() {
  if constexpr (shuts_down_at_once<Stream>)
    return true;
  else if constexpr (requires { Stream::is_over_socket; })
    return Stream::is_over_socket;
  else if constexpr (requires(Stream & s) { s.next_layer(); })
    return over_socket<std::remove_reference_t<decltype(std::declval<Stream&>().next_layer())>>();
  else
    return false;
}

/// Bytes that the stream has taken and its peer has not received, as far as the system reports them.
template <class Stream>
std::size_t undelivered(Stream& s) noexcept {
  if constexpr (plain_socket<Stream>)
    return unacknowledged(s);
  else if constexpr (requires { s.undelivered(); })
    return s.undelivered();
  else if constexpr (requires { s.next_layer(); })
    return undelivered(s.next_layer());
  else
    return 0;
}

/// Ends the stream at once. Operations end, the peer can distinguish the end from EOF, and bytes on their way
/// may be lost.
template <class Stream>
void reset_stream(Stream& s, end_code code) {
  [[maybe_unused]] error_code ignored;
  [[maybe_unused]] const asio::socket_base::linger at_once(true, 0);
  if constexpr (requires { s.reset(code); }) {
    s.reset(code);
  } else if constexpr (requires { s.set_option(at_once, ignored), s.close(ignored); }) {
    s.set_option(at_once, ignored);
    s.close(ignored);
  } else if constexpr (requires { s.next_layer(); }) {
    reset_stream(s.next_layer(), code);
  } else {
    close_stream(s);
  }
}

/// The same behind the bytes that the stream has taken. A socket must have delivered them before.
template <class Stream>
void reset_behind(Stream& s, end_code code) {
  if constexpr (requires { s.reset(code); } || shuts_down_at_once<Stream>)
    reset_stream(s, code);
  else if constexpr (requires { s.reset(); })
    s.reset();
  else if constexpr (requires { s.next_layer(); })
    reset_behind(s.next_layer(), code);
  else
    reset_stream(s, code);
}

/// What has arrived on a socket and was not read. A bound keeps the thread from other work for a moment only.
template <class Socket>
void drop_unread([[maybe_unused]] Socket& s) noexcept {
  if constexpr (plain_socket<Socket>) {
    constexpr std::size_t most = 1 << 20;
    std::array<std::byte, 4096> room;
    for (std::size_t n = 0, all = 0; all < most && (n = muxpro::read_now(s, room)) > 0;) all += n;
  }
}

/// Ends the stream after EOF was sent. Bytes on their way arrive, and what the peer still sends is dropped.
template <class Stream>
void close_behind_eof(Stream& s, end_code code) {
  [[maybe_unused]] error_code ignored;
  if constexpr (shuts_down_at_once<Stream>) {
    s.shutdown(asio::socket_base::shutdown_send, ignored);
    drop_unread(s);
    s.close(ignored);
  } else if constexpr (requires { s.reset(code); }) {
    s.close();
  } else if constexpr (requires { s.next_layer(); }) {
    close_behind_eof(s.next_layer(), code);
  } else {
    close_stream(s);
  }
}

enum class stream_ending : std::uint8_t { cut, reset, close };

template <class Stream>
void end_stream(Stream& s, stream_ending how, end_code code) noexcept {
  try {
    switch (how) {
      case stream_ending::cut: return reset_stream(s, code);
      case stream_ending::reset: return reset_behind(s, code);
      case stream_ending::close: return close_behind_eof(s, code);
    }
  } catch (...) {
    // The operations end by cancellation.
  }
}

}  // namespace muxpro::detail
