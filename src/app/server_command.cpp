// muxpro server: accepts main connections and dials what their sub-streams ask for.
#include "commands.hpp"
#include "endpoints.hpp"
#include "stderr_log.hpp"
#include "tls_flags.hpp"
#include "until_signal.hpp"

#include <muxpro/proxy/mux_server.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace muxpro::app {

namespace {

struct server_flags {
  std::vector<std::string> listen;
  std::string status;
  bool allow_private = false, open_to_all = false;
  std::vector<std::string> pinned, blocked;
  double time_scale = 1;
  double drain_timeout = 30;
  std::size_t threads = 0;
  std::string log_level = "info";
  std::uint64_t process_budget = 0;
  proxy::server_options options;
  tls_flags tls;
};

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

proxy::stream_endpoint listening_address(const server_flags& flags, const std::string& text) {
  const auto at = find_endpoint("--listen", text);
  if (flags.tls.options.authority.empty() && !flags.open_to_all && proxy::reaches_others(at))
    throw usage_error(
        fmt::format("--listen {}: without --tls-client-ca anybody who reaches this address could use it; "
                    "--open-to-all allows that",
                    text));
  return at;
}

template <class Listen>
void listen_on(const std::string& what, const std::string& at, Listen listen) {
  try {
    fmt::print("{} on {}\n", what, proxy::to_string(listen()));
  } catch (const std::system_error& e) {
    throw std::runtime_error(fmt::format("cannot listen on {}: {}", at, e.code().message()));
  }
}

int serve(server_flags flags) {
  proxy::server_options& o = flags.options;
  o.session.accept_backlog = o.session.max_streams;
  o.drain_timeout = std::chrono::duration_cast<duration>(std::chrono::duration<double>(flags.drain_timeout));
  if (flags.process_budget > 0)
    o.session.process_budget = std::make_shared<buffer_budget>(flags.process_budget);
  const proxy::server_options scaled = o.scaled(flags.time_scale);
  if (const std::string mistake = scaled.validate(); !mistake.empty()) throw usage_error(mistake);
  const proxy::transport_use how = flags.tls.server();
  const std::size_t threads =
      flags.threads ? flags.threads : std::max(1u, std::thread::hardware_concurrency());

  // The signals first: a thread that exists already would take them with the default action.
  ending_signals signals;
  proxy::mux_server server(scaled, threads, make_log(flags.log_level));
  server.parts().policy.allow_private(flags.allow_private);
  for (const std::string& p : flags.pinned) pin(server.parts().names, p);
  for (const std::string& b : flags.blocked) server.parts().policy.block(b);
  for (const std::string& l : flags.listen)
    listen_on("listening", l, [&] { return server.listen(listening_address(flags, l), how); });
  if (!flags.status.empty())
    listen_on("status", flags.status, [&] { return server.listen_for_status(status_address(flags.status)); });
  std::fflush(stdout);
  server.start();
  run_until_drained(
      signals, [&] { server.drain(); }, [&] { server.wait(); });
  return 0;
}

}  // namespace

void add_server_command(CLI::App& app, command& run) {
  auto flags = std::make_shared<server_flags>();
  CLI::App& s =
      *app.add_subcommand("server", "Accept main connections and dial the targets of their sub-streams.");
  proxy::server_options& o = flags->options;
  s.add_option("--listen", flags->listen,
               "HOST:PORT, [IPV6]:PORT or unix:PATH, several times if need be; port 0 takes a free one")
      ->required();
  flags->tls.add_to_server(s);
  s.add_option("--status", flags->status,
               "HOST:PORT or unix:PATH to serve a status page on, with /metrics for Prometheus");
  s.add_flag("--open-to-all", flags->open_to_all,
             "Listen without --tls-client-ca on an address that others reach");
  s.add_flag("--allow-private", flags->allow_private, "Dial private, local and other special addresses, too");
  s.add_option("--block", flags->blocked, "A name to refuse, with its sub-domains");
  s.add_option("--refuse-udp-ports", o.nat.refused_ports,
               "Ports to which no datagram goes, such as 19,1900,11211, where small questions have large answers");
  s.add_option("--resolve", flags->pinned, "NAME=ADDRESS[,ADDRESS]...: answer NAME without asking the DNS");
  s.add_option("--max-streams", o.session.max_streams, "Open sub-streams of one main connection")
      ->capture_default_str();
  s.add_option("--max-window", o.session.max_window, "Bytes to which a sub-stream's window may grow")
      ->capture_default_str();
  s.add_option("--process-budget", flags->process_budget,
               "Bytes that all main connections may hold unread; default: "
               "25 % of the memory, at most 512 MiB");
  s.add_option("--max-unnegotiated", o.max_unnegotiated, "Connections in their negotiation")
      ->capture_default_str();
  s.add_option("--max-unnegotiated-per-source", o.max_unnegotiated_per_source, "The same from one address")
      ->capture_default_str();
  s.add_option("--max-pending-dials", o.max_pending_dials, "Dials at once for one main connection")
      ->capture_default_str();
  s.add_option("--new-rate", o.new_rate, "Dials in a second for one main connection; 0: no limit")
      ->capture_default_str();
  s.add_option("--drain-timeout", flags->drain_timeout,
               "Seconds for open sub-streams after SIGINT or SIGTERM")
      ->capture_default_str();
  s.add_option("--threads", flags->threads, "Threads; 0: one for each core")->capture_default_str();
  add_log_level(s, flags->log_level);
  s.add_option("--time-scale", flags->time_scale, "Divide all time-outs by this, for tests")
      ->check(CLI::Range(0.001, 1e6))
      ->capture_default_str();
  s.footer(
      "SIGINT or SIGTERM: nothing new, open sub-streams may end, then exit with 0. A second one ends it at "
      "once.");
  s.callback([flags, &run] { run = [flags] { return serve(*flags); }; });
}

}  // namespace muxpro::app
