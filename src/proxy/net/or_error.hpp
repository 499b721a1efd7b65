// co_await f(or_error(ec)) puts the error into `ec` instead of throwing it.
#pragma once

#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>

#include <system_error>

namespace muxpro::proxy {

inline auto or_error(std::error_code& ec) { return asio::redirect_error(asio::use_awaitable, ec); }

}  // namespace muxpro::proxy
