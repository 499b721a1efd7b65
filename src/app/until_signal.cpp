#include "until_signal.hpp"
#include "lines.hpp"
#include "stderr_log.hpp"

#include <muxpro/proxy/configured_proxy.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
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

std::size_t threads_or_cores(std::size_t asked) {
  return asked ? asked : std::max(1u, std::thread::hardware_concurrency());
}

int run_proxy(const proxy::config& c, std::size_t threads, const std::string& log_level, std::string_view tag,
              std::string_view shown) {
  ending_signals signals;
  proxy::geo_files none;
  const proxy::log_sink log = make_log(log_level);
  proxy::configured_proxy running(c, none, threads_or_cores(threads), log);
  for (const auto& in : running.listening())
    print_line(stdout, fmt::format("{} on {}", in.tag == tag ? shown : in.tag, proxy::to_string(in.at)));
  std::fflush(stdout);
  running.start();
  run_until_drained(
      signals, [&] { running.drain(); }, [&] { running.wait(); },
      [&] { log_files_read(running.reload_files(), log); });
  return 0;
}

}  // namespace muxpro::app
