// Timers that a report can count, so that one that is left behind shows. Ring 2.
#pragma once

#include <muxpro/detail/context_service.hpp>

#include <asio/io_context.hpp>

#include <cstddef>

namespace muxpro {

/// asio::steady_timer, which its context counts.
using detail::counted_timer;

/// Those that exist in an io_context, the library's own included. Any thread.
std::size_t timers_of(asio::io_context& io);

}  // namespace muxpro

#if !defined(MUXPRO_SEPARATE_COMPILATION)
#include <muxpro/impl/timer.ipp>
#endif
