// Asks the threads of a proxy what they do. Ring 4.
#pragma once

#include "proxy/engine/workers.hpp"

#include <muxpro/proxy/report.hpp>

#include <asio/awaitable.hpp>

#include <cstddef>
#include <functional>

namespace muxpro::proxy {

/// Returns the report of the thread with this number. Called on that thread.
using thread_report = std::function<instance_report(std::size_t)>;

/// Returns the sum of what each thread reports, and its timers. Any executor. Waits a second at most.
/// `threads` and the executor must outlive it.
asio::awaitable<instance_report> collect_reports(workers& threads, thread_report describe);

}  // namespace muxpro::proxy
