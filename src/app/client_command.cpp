// muxpro client: a SOCKS and HTTP listener whose connections go over main connections to a server.
#include "commands.hpp"
#include "endpoints.hpp"
#include "stderr_log.hpp"
#include "tls_flags.hpp"
#include "until_signal.hpp"

#include <muxpro/proxy/configured_proxy.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace muxpro::app {

namespace {

struct client_flags {
  std::vector<std::string> socks;
  std::string connect, status;
  std::vector<std::string> users;
  bool open_to_all = false;
  std::size_t threads = 0;
  std::string log_level = "info";
  client_pool_options pool = proxy::mux_use().pool;
  tls_flags tls;
};

proxy::outbound_config way_to_server(const client_flags& flags) {
  proxy::mux_config m;
  m.server = parse_address("--connect", flags.connect);
  if (!m.server.is_unix() && m.server.at.port == 0)
    throw usage_error(fmt::format("--connect {}: port 0 cannot be connected to", flags.connect));
  m.pool = flags.pool;
  const std::string host = m.server.is_unix() ? std::string() : m.server.at.host.to_string();
  proxy::outbound_config o;
  o.tag = "server";
  o.stream.transport = proxy::transport_plan([how = flags.tls.client(host)] { return how.over; });
  o.stream.socket = proxy::lasting_socket();
  o.settings = std::move(m);
  return o;
}

proxy::accounts read_users(const std::vector<std::string>& users) {
  proxy::accounts out;
  for (const std::string& u : users) {
    const auto colon = u.find(':');
    if (colon == std::string::npos || colon == 0) throw usage_error("--user: it must be NAME:PASSWORD");
    out.add(u.substr(0, colon), u.substr(colon + 1));
  }
  return out;
}

proxy::stream_endpoint listening_address(const client_flags& flags, const std::string& text) {
  const auto at = find_endpoint("--socks", text);
  if (flags.users.empty() && !flags.open_to_all && proxy::reaches_others(at))
    throw usage_error(fmt::format(
        "--socks {}: without --user anybody who reaches this address could use it; --open-to-all allows that",
        text));
  return at;
}

proxy::config config_of(const client_flags& flags) {
  proxy::config c;
  c.log.level = level_named(flags.log_level);
  c.outbounds.push_back(way_to_server(flags));
  proxy::mixed_config mixed;
  mixed.both.users = read_users(flags.users);
  for (const std::string& s : flags.socks) {
    proxy::inbound_config i;
    i.tag = "socks";
    i.at = listening_address(flags, s);
    i.settings = mixed;
    c.inbounds.push_back(std::move(i));
  }
  if (!flags.status.empty()) c.metrics = status_address(flags.status);
  return c;
}

int run_client(const client_flags& flags) {
  if (const std::string mistake = flags.pool.validate(); !mistake.empty()) throw usage_error(mistake);
  const proxy::config c = config_of(flags);
  const std::size_t threads =
      flags.threads ? flags.threads : std::max(1u, std::thread::hardware_concurrency());
  ending_signals signals;
  proxy::geo_files none;
  proxy::configured_proxy client(c, none, threads, make_log(flags.log_level));
  for (const auto& in : client.listening())
    fmt::print("{} on {}\n", in.tag == "socks" ? "SOCKS and HTTP" : in.tag, proxy::to_string(in.at));
  std::fflush(stdout);
  client.start();
  run_until_drained(
      signals, [&] { client.drain(); }, [&] { client.wait(); });
  return 0;
}

}  // namespace

void add_client_command(CLI::App& app, command& run) {
  auto flags = std::make_shared<client_flags>();
  CLI::App& s = *app.add_subcommand(
      "client", "Listen for SOCKS and HTTP and carry their connections to a muxpro server.");
  s.add_option(
       "--socks", flags->socks,
       "HOST:PORT, [IPV6]:PORT or unix:PATH to listen on for SOCKS 4, 4a and 5, UDP ASSOCIATE included, "
       "and for HTTP: CONNECT and plain requests")
      ->required();
  s.add_option("--connect", flags->connect, "HOST:PORT or unix:PATH of the muxpro server")->required();
  flags->tls.add_to_client(s);
  s.add_option("--user", flags->users, "NAME:PASSWORD that a client has to know, several times if need be");
  s.add_option("--status", flags->status,
               "HOST:PORT or unix:PATH to serve a status page on, with /metrics for Prometheus");
  s.add_flag("--open-to-all", flags->open_to_all, "Listen without --user on an address that others reach");
  s.add_option("--concurrency", flags->pool.max_concurrency, "Sub-streams of one main connection at a time")
      ->capture_default_str();
  s.add_option("--max-connections", flags->pool.max_connections, "Main connections of each thread")
      ->capture_default_str();
  s.add_option("--threads", flags->threads, "Threads; 0: one for each core")->capture_default_str();
  add_log_level(s, flags->log_level);
  s.footer(
      "SIGINT or SIGTERM: nothing new, open connections may end, then exit with 0. A second one ends it at "
      "once.");
  s.callback([flags, &run] { run = [flags] { return run_client(*flags); }; });
}

}  // namespace muxpro::app
