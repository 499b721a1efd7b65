// SIGINT and SIGTERM: the first one drains, the second one ends the program at once. SIGHUP, for whom has
// something to do then.
#pragma once

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <csignal>
#include <functional>

namespace muxpro::app {

/// To be made before any thread: one that exists already would take them with the default action.
struct ending_signals {
  asio::io_context io;
  asio::signal_set set{io, SIGINT, SIGTERM};
  asio::signal_set hangup{io};  ///< has none unless somebody adds it: it ends the program then
};

/// Until `wait` returns, which it does some time after `drain` was called. Calls `reload` for each signal of
/// `hangup`.
void run_until_drained(ending_signals& signals, const std::function<void()>& drain,
                       const std::function<void()>& wait, const std::function<void()>& reload = {});

}  // namespace muxpro::app
