// The command muxpro client, a SOCKS and HTTP listener whose connections go over main connections to a
// server.
#include "commands.hpp"

#include "endpoints.hpp"
#include "program_log.hpp"
#include "proxy/inbound/mixed.hpp"
#include "proxy/outbound/mux.hpp"
#include "tls_flags.hpp"
#include "until_signal.hpp"

#include <muxpro/proxy/config.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <memory>
#include <string>
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
  client_pool_options pool = proxy::mux_options().pool;
  tls_flags tls;
};

proxy::outbound_config server_outbound(const client_flags& flags) {
  proxy::stream_address server = parse_address("--connect", flags.connect);
  if (!server.is_unix() && server.at.port == 0)
    throw usage_error(fmt::format("--connect {}: the port must not be 0", flags.connect));
  const std::string host = server.is_unix() ? std::string() : server.at.host.to_string();
  proxy::outbound_config o;
  o.tag = "server";
  o.stream.security = proxy::transport_factory([how = flags.tls.client(host)] { return how.layers; });
  o.stream.socket = proxy::keepalive_socket();
  o.plan = proxy::mux_plan(std::move(server));
  o.mux.emplace().pool = flags.pool;
  return o;
}

proxy::accounts read_users(const std::vector<std::string>& users) {
  proxy::accounts out;
  for (const std::string& u : users) {
    const auto colon = u.find(':');
    if (colon == std::string::npos || colon == 0) throw usage_error("--user: it must be NAME:PASSWORD");
    out.add(u.substr(0, colon), std::string_view(u).substr(colon + 1));
  }
  return out;
}

listen_address listening_address(const client_flags& flags, const std::string& text) {
  const listen_address address = parse_listen_address("--socks", text);
  if (flags.users.empty() && !flags.open_to_all && proxy::is_reachable_remotely(address.at))
    throw usage_error(
        fmt::format("--socks {}: without --user every client that reaches this address could use it; "
                    "--open-to-all allows that",
                    text));
  return address;
}

proxy::config config_of(const client_flags& flags) {
  proxy::config c;
  c.log.level = level_named(flags.log_level);
  c.outbounds.push_back(server_outbound(flags));
  proxy::mixed_inbound_options mixed;
  mixed.users = read_users(flags.users);
  for (const std::string& s : flags.socks) {
    proxy::inbound_config i;
    i.tag = "socks";
    const listen_address address = listening_address(flags, s);
    i.at = address.at;
    i.stream.socket.file_mode = address.file_mode;
    i.plan = proxy::plan_of(mixed);
    c.inbounds.push_back(std::move(i));
  }
  if (flags.status.empty()) return c;
  const listen_address status = status_address(flags.status);
  c.metrics = status.at;
  c.metrics_mode = status.file_mode;
  return c;
}

int run_client(const client_flags& flags) {
  if (const std::string mistake = flags.pool.validate(); !mistake.empty()) throw usage_error(mistake);
  return run_proxy(config_of(flags), flags.threads, "socks", "SOCKS and HTTP");
}

}  // namespace

void add_client_command(CLI::App& app, command& run) {
  auto flags = std::make_shared<client_flags>();
  CLI::App& s = *app.add_subcommand(
      "client", "Listen for SOCKS and HTTP, and forward their connections to a muxpro server.");
  s.add_option(
       "--socks", flags->socks,
       "HOST:PORT, [IPV6]:PORT, unix:PATH[,MODE] (octal) or unix:@NAME to listen on for SOCKS 4, 4a and 5 "
       "with UDP, and for HTTP. May be given several times")
      ->required();
  s.add_option("--connect", flags->connect, "HOST:PORT or unix:PATH of the muxpro server")->required();
  flags->tls.add_to_client(s);
  s.add_option("--user", flags->users, "NAME:PASSWORD that clients must send. May be given several times");
  s.add_option("--status", flags->status,
               "HOST:PORT or unix:PATH[,MODE] to serve a status page on, with /metrics for Prometheus");
  s.add_flag("--open-to-all", flags->open_to_all,
             "Allow an address that other machines can reach without --user");
  s.add_option("--concurrency", flags->pool.max_concurrency, "Sub-streams of one main connection at a time")
      ->capture_default_str();
  s.add_option("--max-connections", flags->pool.max_connections, "Main connections of each thread")
      ->capture_default_str();
  s.add_option("--threads", flags->threads, "Threads; 0: one for each core")->capture_default_str();
  add_log_level(s, flags->log_level);
  s.footer(
      "SIGINT or SIGTERM: accept nothing new, let open connections end, and exit with 0. A second signal "
      "ends them "
      "at once. SIGHUP: read certificates again.");
  s.callback([flags, &run] { run = [flags] { return run_client(*flags); }; });
}

}  // namespace muxpro::app
