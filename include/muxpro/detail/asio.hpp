// Includes Asio. Rings 2 and 3 include this file, rings 0 and 1 never do.
#pragma once

#include <muxpro/config.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/associated_allocator.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/dispatch.hpp>
#include <asio/error.hpp>
#include <asio/execution/outstanding_work.hpp>
#include <asio/execution_context.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/prefer.hpp>
#include <asio/query.hpp>
#include <asio/use_awaitable.hpp>

#if !defined(ASIO_HAS_CO_AWAIT)
#error "this Asio has no co_await for this compiler: use cmake/FindAsio.cmake, or define ASIO_HAS_CO_AWAIT=1"
#endif

namespace muxpro {

/// Error codes of the system and of Asio, which are std::error_code in standalone Asio.
using error_code = std::error_code;

}  // namespace muxpro
