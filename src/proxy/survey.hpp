// Asks the threads of a proxy what they do. Ring 4.
#pragma once

#include <muxpro/proxy/instance_report.hpp>
#include <muxpro/proxy/workers.hpp>

#include <asio/awaitable.hpp>

#include <cstddef>
#include <functional>

namespace muxpro::proxy {

/// What the thread with this number does; called on it.
using thread_report = std::function<instance_report(std::size_t)>;

/// The sum of what each thread says, and its timers. Any executor; waits a second at most. `threads` and the
/// executor must outlive it.
asio::awaitable<instance_report> survey(workers& threads, thread_report describe);

}  // namespace muxpro::proxy
