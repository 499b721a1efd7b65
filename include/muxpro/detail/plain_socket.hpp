// What a socket can do at once, by system calls past Asio's operations. Ring 2.
#pragma once

#include <muxpro/codec.hpp>
#include <muxpro/detail/asio.hpp>

#include <asio/basic_stream_socket.hpp>
#include <asio/error.hpp>

#include <cerrno>
#include <concepts>
#include <cstddef>

namespace muxpro::detail {

#if defined(MSG_DONTWAIT) && defined(MSG_NOSIGNAL)
template <class Stream>
concept plain_socket = requires {
  typename Stream::protocol_type;
}
&&std::derived_from<
    Stream, asio::basic_stream_socket<typename Stream::protocol_type, typename Stream::executor_type>>;

/// How many of the bytes went. Fewer than all: the socket is full, or broken, as `ec` says.
template <plain_socket Socket>
std::size_t write_now(Socket& s, const_bytes data, error_code& ec) noexcept {
  for (;;) {
    const auto n = ::send(s.native_handle(), data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) ec.assign(errno, asio::error::get_system_category());
    return 0;
  }
}

/// How many bytes came. None: there are none yet, or the socket has ended; a read says which.
template <plain_socket Socket>
std::size_t read_now(Socket& s, bytes into) noexcept {
  const auto n = ::recv(s.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
  return n > 0 ? static_cast<std::size_t>(n) : 0;
}
#else
template <class Stream>
concept plain_socket = false;
#endif

}  // namespace muxpro::detail
