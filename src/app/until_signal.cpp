#include "until_signal.hpp"

#include <cstdlib>
#include <thread>
#include <utility>

namespace muxpro::app {

void ignore_harmless_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);
}

void run_until_drained(ending_signals& signals, const std::function<void()>& drain,
                       const std::function<void()>& wait, const std::function<void()>& reload) {
  bool again = false;
  std::function<void(std::error_code, int)> on_signal = [&](std::error_code, int) {
    if (std::exchange(again, true)) std::_Exit(1);
    drain();
    signals.set.async_wait(on_signal);
  };
  signals.set.async_wait(on_signal);
  std::function<void(std::error_code, int)> on_hangup = [&](std::error_code cancelled, int) {
    if (cancelled) return;
    if (reload) reload();
    signals.hangup.async_wait(on_hangup);
  };
  signals.hangup.async_wait(on_hangup);
  std::thread waiting([&] {
    wait();
    signals.io.stop();
  });
  signals.io.run();
  waiting.join();
}

}  // namespace muxpro::app
