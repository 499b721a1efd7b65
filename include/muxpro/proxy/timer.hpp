// The timers of a proxy, which a report counts. Ring 4.
#pragma once

#include <muxpro/detail/context_service.hpp>

#include <asio/io_context.hpp>

#include <cstddef>

namespace muxpro::proxy {

/// The proxy has no other timers, so that one that is left behind shows.
using detail::counted_timer;

/// Those that exist in an io_context: the proxy's and the library's. Any thread.
inline std::size_t timers_of(asio::io_context& io) { return detail::service_of(io.get_executor()).timers(); }

}  // namespace muxpro::proxy
