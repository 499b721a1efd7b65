// read_more(): appends the bytes of one read to a buffer. Ring 4.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>

#include <cstddef>
#include <system_error>

namespace muxpro::proxy {

/// Appends to `received`, which is a vector of bytes or a string. `from` is a connection or another object
/// with its read_some(), to which `stop` is passed. Completes when at least one and at most `most` bytes were
/// appended, or with an error. Errors: those of read_some(). Cancellation: as read_some(). What was read is
/// in `received`.
template <class From, class Buffer, class... Stop>
asio::awaitable<void> read_more(From& from, Buffer& received, std::size_t most, std::error_code& ec,
                                Stop... stop) {
  const std::size_t had = received.size();
  received.resize(had + most);
  const std::size_t n = co_await from.read_some(asio::buffer(received) + had, ec, stop...);
  received.resize(had + n);
}

}  // namespace muxpro::proxy
