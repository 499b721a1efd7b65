// Reads the header of the PROXY protocol from an accepted connection. Ring 4.
#pragma once

#include "proxy/base/proxy_header_reader.hpp"

#include <muxpro/proxy/connection.hpp>

#include <asio/awaitable.hpp>

#include <memory>
#include <optional>
#include <system_error>

namespace muxpro::proxy {

/// Completes with the ends that the header names, and has read no byte behind it. Completes with nothing if
/// the header names no ends, or it failed. Errors: proxy_header_errc::broken, asio::error::timed_out after 5
/// s, or those of `c`. Cancellation: not supported. Cutting `c` ends it.
asio::awaitable<std::optional<proxied_ends>> read_proxied_ends(std::shared_ptr<connection> c,
                                                               std::error_code& ec);

}  // namespace muxpro::proxy
