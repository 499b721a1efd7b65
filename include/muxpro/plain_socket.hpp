// plain_socket, write_now(), read_now(): system calls on a socket that complete at once, without Asio's
// operations. Ring 2.
#pragma once

#include <muxpro/codec.hpp>
#include <muxpro/detail/buffers.hpp>

#include <asio/basic_stream_socket.hpp>
#include <asio/error.hpp>
#include <asio/socket_base.hpp>

#include <array>
#include <cerrno>
#include <concepts>
#include <cstddef>
#include <utility>

#if defined(__linux__)
#include <sys/ioctl.h>
#endif

namespace muxpro {

#if defined(MSG_DONTWAIT) && defined(MSG_NOSIGNAL)
/// A TCP or local socket of Asio, on a system with system calls that do not wait.
template <class Stream>
concept plain_socket = requires {
  typename Stream::protocol_type;
}
&&std::derived_from<
    Stream, asio::basic_stream_socket<typename Stream::protocol_type, typename Stream::executor_type>>;

namespace detail {

template <class Call>
ssize_t uninterrupted(Call call) noexcept {
  for (;;) {
    const ssize_t n = call();
    if (n >= 0 || errno != EINTR) return n;
  }
}

template <plain_socket Socket>
std::size_t write_now(Socket& s, const write_buffers& data, error_code& ec) noexcept {
  ec.clear();
  if (data.size() == 0) return 0;
  const int to = s.native_handle(), how = MSG_DONTWAIT | MSG_NOSIGNAL;
  const auto parts = data.parts();
  std::array<iovec, write_buffers::capacity> list;
  for (std::size_t i = 0; i < parts.size(); ++i)
    list[i] = {const_cast<void*>(parts[i].data()), parts[i].size()};
  msghdr all{};
  all.msg_iov = list.data();
  all.msg_iovlen = parts.size();
  const auto n = parts.size() == 1
                     ? uninterrupted([&] { return ::send(to, parts[0].data(), parts[0].size(), how); })
                     : uninterrupted([&] { return ::sendmsg(to, &all, how); });
  if (n >= 0) return static_cast<std::size_t>(n);
  if (errno != EAGAIN && errno != EWOULDBLOCK) ec.assign(errno, asio::error::get_system_category());
  return 0;
}

}  // namespace detail

/// Returns how many bytes were written. If these are not all, the socket is full, or broken if `ec` is set.
template <plain_socket Socket>
std::size_t write_now(Socket& s, const_bytes data, std::error_code& ec) noexcept {
  return detail::write_now(s, detail::write_buffers(asio::buffer(data.data(), data.size())), ec);
}

namespace detail {

/// `ec` is would_block if no byte has come yet.
template <plain_socket Socket>
std::size_t read_now(Socket& s, bytes into, error_code& ec) noexcept {
  ec.clear();
  const auto n =
      uninterrupted([&] { return ::recv(s.native_handle(), into.data(), into.size(), MSG_DONTWAIT); });
  if (n > 0) return static_cast<std::size_t>(n);
  if (n == 0)
    ec = asio::error::eof;
  else if (errno == EAGAIN || errno == EWOULDBLOCK)
    ec = asio::error::would_block;
  else
    ec.assign(errno, asio::error::get_system_category());
  return 0;
}

/// Completes when read_now() gets bytes or the socket's end.
template <plain_socket Socket, class Handler>
void wait_for_bytes(Socket& s, Handler&& done) {
  s.async_wait(asio::socket_base::wait_read, std::forward<Handler>(done));
}

/// Returns a descriptor whose system calls do not wait, or a negative number without one.
template <plain_socket Socket>
int non_blocking_descriptor(Socket& s) noexcept {
  error_code ec;
  if (!s.native_non_blocking()) s.native_non_blocking(true, ec);
  return ec ? -1 : s.native_handle();
}

/// Returns the number of written bytes, with EOF, that the peer's kernel has not acknowledged. For a local
/// socket, those that the peer has not read. Returns 0 if the system does not report it.
template <plain_socket Socket>
std::size_t unacknowledged([[maybe_unused]] Socket& s) noexcept {
  int n = 0;
#if defined(__linux__)
  if (::ioctl(s.native_handle(), TIOCOUTQ, &n) != 0) return 0;
#endif
  return static_cast<std::size_t>(n);
}

}  // namespace detail

/// Returns how many bytes were read. Returns 0 if no byte has come yet or the socket has ended. A read
/// reports which.
template <plain_socket Socket>
std::size_t read_now(Socket& s, bytes into) noexcept {
  error_code ignored;
  return detail::read_now(s, into, ignored);
}
#else
template <class Stream>
concept plain_socket = false;
#endif

}  // namespace muxpro
