// SIGINT and SIGTERM: the first one drains, the second one ends the program at once.
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
};

/// Until `wait` returns, which it does some time after `drain` was called.
void run_until_drained(ending_signals& signals, const std::function<void()>& drain,
                       const std::function<void()>& wait);

}  // namespace muxpro::app
