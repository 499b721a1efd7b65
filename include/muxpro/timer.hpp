// Timers that a report can count, so that one that is left behind shows. Ring 2.
#pragma once

#include <muxpro/detail/context_service.hpp>

#include <asio/io_context.hpp>

#include <cstddef>

namespace muxpro {

/// asio::steady_timer, which its context counts.
using detail::counted_timer;

/// Those that exist in an io_context, the library's own included. Any thread.
inline std::size_t timers_of(asio::io_context& io) { return detail::service_of(io.get_executor()).timers(); }

}  // namespace muxpro
