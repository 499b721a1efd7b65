// Datagrams between two streams, both ways.
#pragma once

#include <muxpro/options.hpp>
#include <muxpro/proxy/datagram_stream.hpp>

#include <asio/awaitable.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <system_error>

namespace muxpro::proxy {

/// Relays until either stream ends, or no datagram has come for `idle`. The other stream then ends with the
/// same code. Returns why. Returns no error if `a` has ended in good order, or both were idle. With `only`,
/// what `a` sends elsewhere is dropped.
asio::awaitable<std::error_code> relay_datagrams(std::unique_ptr<datagram_stream> a,
                                                 std::unique_ptr<datagram_stream> b, duration idle,
                                                 std::optional<host_port> only = std::nullopt);

/// Calls `dropped` for each datagram that `from` has, and ends `from` as rejected when no datagram has come
/// for `idle`. Completes when `from` has ended.
asio::awaitable<void> reject_datagrams(std::unique_ptr<datagram_stream> from, duration idle,
                                       std::function<void()> dropped);

}  // namespace muxpro::proxy
