// The signals that the program handles. The first SIGINT or SIGTERM drains, the second one ends the program
// at once. SIGHUP opens log files again and reads certificates again.
#pragma once

#include <muxpro/proxy/config.hpp>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <csignal>
#include <cstddef>
#include <functional>
#include <string_view>

namespace muxpro::app {

/// SIGPIPE and SIGHUP do not end the program from here on. First of all in main().
void ignore_harmless_signals();

/// Must be made before any thread, because older threads would handle the signals by the default action.
struct ending_signals {
  asio::io_context io;
  asio::signal_set set{io, SIGINT, SIGTERM};
  asio::signal_set hangup{io, SIGHUP};
};

/// Until `wait` returns, which it does some time after `drain` was called. Calls `reload`, which must not
/// throw, for each SIGHUP.
void run_until_drained(ending_signals& signals, const std::function<void()>& drain,
                       const std::function<void()>& wait, const std::function<void()>& reload = {});

/// Returns the number of threads that an option asks for. 0 means one for each core.
std::size_t threads_or_cores(std::size_t asked);

/// Runs a proxy without geo files until it has drained, and prints where it listens. `shown` replaces `tag`
/// in that.
int run_proxy(const proxy::config& c, std::size_t threads, std::string_view tag, std::string_view shown);

}  // namespace muxpro::app
