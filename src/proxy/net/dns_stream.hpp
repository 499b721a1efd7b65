// Messages of DNS in a stream, each behind its length (RFC 1035 section 4.2.2).
#pragma once

#include <muxpro/codec.hpp>

#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>

#include <array>
#include <cstddef>
#include <system_error>
#include <vector>

namespace muxpro::proxy {

inline void append_dns_message(std::vector<std::byte>& to, const_bytes message) {
  to.push_back(static_cast<std::byte>(message.size() >> 8));
  to.push_back(static_cast<std::byte>(message.size() & 255));
  to.insert(to.end(), message.begin(), message.end());
}

/// Completes when all of `into` was read. Errors: those of read_some(). Cancellation: as read_some().
template <class Stream>
asio::awaitable<void> read_whole(Stream& from, bytes into, std::error_code& ec) {
  for (std::size_t n = 0; n < into.size() && !ec;)
    n += co_await from.read_some(asio::buffer(into.data(), into.size()) + n, ec);
}

/// Completes with the next message. Errors: those of read_some(), and bad_message if it is longer than
/// `most`. Cancellation: as read_some().
template <class Stream>
asio::awaitable<std::vector<std::byte>> read_dns_message(Stream& from, std::size_t most,
                                                         std::error_code& ec) {
  std::array<std::byte, 2> head{};
  co_await read_whole(from, head, ec);
  std::vector<std::byte> message;
  if (ec) co_return message;
  const std::size_t size = std::to_integer<std::size_t>(head[0]) << 8 | std::to_integer<std::size_t>(head[1]);
  if (size > most) ec = std::make_error_code(std::errc::bad_message);
  if (ec) co_return message;
  message.resize(size);
  co_await read_whole(from, message, ec);
  co_return message;
}

}  // namespace muxpro::proxy
