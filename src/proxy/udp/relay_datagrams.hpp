// Datagrams between two streams, both ways.
#pragma once

#include <muxpro/options.hpp>
#include <muxpro/proxy/datagram_stream.hpp>

#include <asio/awaitable.hpp>

#include <memory>
#include <optional>
#include <system_error>

namespace muxpro::proxy {

/// Until either stream ends, or no datagram has come for `idle`; the other stream then ends with the same
/// code. Returns why; none: `a` has ended in good order, or both were idle. With `only`, what `a` sends
/// elsewhere is dropped.
asio::awaitable<std::error_code> relay_datagrams(std::unique_ptr<datagram_stream> a,
                                                 std::unique_ptr<datagram_stream> b, duration idle,
                                                 std::optional<host_port> only = std::nullopt);

}  // namespace muxpro::proxy
