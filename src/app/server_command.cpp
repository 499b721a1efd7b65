// muxpro server: accepts main connections and dials what their sub-streams ask for.
#include "commands.hpp"

#include <muxpro/proxy/mux_server.hpp>

#include <CLI/CLI.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/signal_set.hpp>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace muxpro::app {

namespace {

using asio::ip::tcp;

struct server_flags {
  std::vector<std::string> listen;
  bool allow_private = false;
  std::vector<std::string> pinned, blocked;
  double time_scale = 1;
  double drain_timeout = 30;
  std::size_t threads = 0;
  std::string log_level = "info";
  std::uint64_t process_budget = 0;
  proxy::server_options options;
};

/// "HOST:PORT" or "[IPV6]:PORT".
std::pair<std::string, std::uint16_t> split(const std::string& text) {
  const auto colon = text.rfind(':');
  const std::string host = text.substr(0, colon == std::string::npos ? 0 : colon);
  const std::string port = colon == std::string::npos ? "" : text.substr(colon + 1);
  const bool digits = !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos;
  const bool bare_v6 = host.find(':') != std::string::npos && (host.front() != '[' || host.back() != ']');
  if (host.empty() || !digits || std::stoul(port) > 65535 || bare_v6)
    throw usage_error(fmt::format("--listen {}: it must be HOST:PORT or [IPV6]:PORT, with a port of 0 to 65535", text));
  const bool bracketed = host.front() == '[';
  return {bracketed ? host.substr(1, host.size() - 2) : host, static_cast<std::uint16_t>(std::stoul(port))};
}

tcp::endpoint find_endpoint(const std::string& text) {
  const auto [host, port] = split(text);
  asio::io_context io;
  tcp::resolver resolver(io);
  std::error_code ec;
  const auto found = resolver.resolve(host, std::to_string(port), tcp::resolver::passive, ec);
  if (ec) throw usage_error(fmt::format("--listen {}: cannot find the host: {}", text, ec.message()));
  return found.begin()->endpoint();
}

/// "NAME=ADDRESS[,ADDRESS]..."; without an address the name does not resolve.
void pin(proxy::resolver& names, const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw usage_error(fmt::format("--resolve {}: it must be NAME=ADDRESS[,ADDRESS]...", text));
  proxy::resolver::addresses answer;
  std::istringstream list(text.substr(equals + 1));
  for (std::string a; std::getline(list, a, ',');) {
    std::error_code ec;
    answer.push_back(asio::ip::make_address(a, ec));
    if (ec) throw usage_error(fmt::format("--resolve {}: '{}' is no IP address", text, a));
  }
  names.pin(text.substr(0, equals), std::move(answer));
}

proxy::log_sink make_log(const std::string& level) {
  const auto logger = spdlog::stderr_logger_mt("muxpro");
  logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %l %v");
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::info);
  return [logger](proxy::log_level l, std::string_view line) {
    constexpr spdlog::level::level_enum levels[] = {spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
                                                    spdlog::level::err};
    logger->log(levels[static_cast<std::size_t>(l)], line);
  };
}

int serve(server_flags flags) {
  proxy::server_options& o = flags.options;
  o.session.accept_backlog = o.session.max_streams;
  o.drain_timeout = std::chrono::duration_cast<duration>(std::chrono::duration<double>(flags.drain_timeout));
  if (flags.process_budget > 0) o.session.process_budget = std::make_shared<buffer_budget>(flags.process_budget);
  const proxy::server_options scaled = o.scaled(flags.time_scale);
  if (const std::string mistake = scaled.validate(); !mistake.empty()) throw usage_error(mistake);
  const std::size_t threads = flags.threads ? flags.threads : std::max(1u, std::thread::hardware_concurrency());

  // The signals first: a thread that exists already would take them with the default action.
  asio::io_context io;
  asio::signal_set signals(io, SIGINT, SIGTERM);
  proxy::mux_server server(scaled, threads, make_log(flags.log_level));
  server.parts().policy.allow_private(flags.allow_private);
  for (const std::string& p : flags.pinned) pin(server.parts().names, p);
  for (const std::string& b : flags.blocked) server.parts().policy.block(b);
  for (const std::string& l : flags.listen) {
    try {
      const tcp::endpoint at = server.listen(find_endpoint(l));
      fmt::print("listening on {}{}{}:{}\n", at.address().is_v6() ? "[" : "", at.address().to_string(),
                 at.address().is_v6() ? "]" : "", at.port());
    } catch (const std::system_error& e) {
      throw std::runtime_error(fmt::format("cannot listen on {}: {}", l, e.code().message()));
    }
  }
  std::fflush(stdout);
  server.start();
  // The first signal drains, the second one ends at once.
  bool again = false;
  std::function<void(std::error_code, int)> on_signal = [&](std::error_code, int) {
    if (std::exchange(again, true)) std::_Exit(1);
    server.drain();
    signals.async_wait(on_signal);
  };
  signals.async_wait(on_signal);
  std::thread waiting([&] {
    server.wait();
    io.stop();
  });
  io.run();
  waiting.join();
  return 0;
}

}  // namespace

void add_server_command(CLI::App& app, command& run) {
  auto flags = std::make_shared<server_flags>();
  CLI::App& s = *app.add_subcommand("server", "Accept main connections and dial the targets of their sub-streams.");
  proxy::server_options& o = flags->options;
  s.add_option("--listen", flags->listen, "HOST:PORT or [IPV6]:PORT, several times if need be; port 0 takes a free one")
      ->required();
  s.add_flag("--allow-private", flags->allow_private, "Dial private, local and other special addresses, too");
  s.add_option("--block", flags->blocked, "A name to refuse, with its sub-domains");
  s.add_option("--resolve", flags->pinned, "NAME=ADDRESS[,ADDRESS]...: answer NAME without asking the DNS");
  s.add_option("--max-streams", o.session.max_streams, "Open sub-streams of one main connection")->capture_default_str();
  s.add_option("--max-window", o.session.max_window, "Bytes to which a sub-stream's window may grow")
      ->capture_default_str();
  s.add_option("--process-budget", flags->process_budget, "Bytes that all main connections may hold unread; default: "
                                                          "25 % of the memory, at most 512 MiB");
  s.add_option("--max-unnegotiated", o.max_unnegotiated, "Connections in their negotiation")->capture_default_str();
  s.add_option("--max-unnegotiated-per-source", o.max_unnegotiated_per_source, "The same from one address")
      ->capture_default_str();
  s.add_option("--max-pending-dials", o.max_pending_dials, "Dials at once for one main connection")
      ->capture_default_str();
  s.add_option("--new-rate", o.new_rate, "Dials in a second for one main connection; 0: no limit")->capture_default_str();
  s.add_option("--drain-timeout", flags->drain_timeout, "Seconds for open sub-streams after SIGINT or SIGTERM")
      ->capture_default_str();
  s.add_option("--threads", flags->threads, "Threads; 0: one for each core")->capture_default_str();
  s.add_option("--log-level", flags->log_level, "debug, info, warning, error or off")
      ->check(CLI::IsMember({"debug", "info", "warning", "error", "off"}))
      ->capture_default_str();
  s.add_option("--time-scale", flags->time_scale, "Divide all time-outs by this, for tests")
      ->check(CLI::Range(0.001, 1e6))
      ->capture_default_str();
  s.footer("SIGINT or SIGTERM: nothing new, open sub-streams may end, then exit with 0. A second one ends it at once.");
  s.callback([flags, &run] { run = [flags] { return serve(*flags); }; });
}

}  // namespace muxpro::app
