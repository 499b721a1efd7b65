// The signals that the program answers. SIGINT and SIGTERM: the first one drains, the second one ends the
// program at once. SIGHUP opens log files again and reads certificates again.
#pragma once

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <csignal>
#include <functional>

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

}  // namespace muxpro::app
