// A proxy from a configuration as text, which runs until SIGINT or SIGTERM. For the examples of your own
// parts.
#pragma once

#include <muxpro/proxy/configured_proxy.hpp>

#include <fmt/format.h>
#include <asio.hpp>

#include <cstdio>
#include <memory>
#include <string_view>

inline int run_proxy(std::string_view json) {
  namespace proxy = muxpro::proxy;
  proxy::geo_files lists;
  proxy::config_mistakes mistakes;
  const auto c = proxy::read_config(json, proxy::registry::global(), lists, mistakes);
  for (const auto& m : mistakes.all()) fmt::print(stderr, "{}: {}\n", m.path, m.sentence);
  if (!c) return 1;
  proxy::configured_proxy whole(*c, lists, 1, [](proxy::log_level, std::string_view line) {
    fmt::print("{}\n", line);
    std::fflush(stdout);
  });
  for (const auto& [tag, at] : whole.listening()) fmt::print("{} at {}\n", tag, proxy::to_string(at));
  std::fflush(stdout);
  whole.start();
  asio::io_context signals;
  asio::signal_set stop(signals, SIGINT, SIGTERM);
  stop.async_wait([&](std::error_code, int) { whole.drain(); });
  signals.run();
  whole.wait();
  return 0;
}
