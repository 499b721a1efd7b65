// muxpro client: a SOCKS and HTTP listener whose connections go over main connections to a server.
#include "commands.hpp"
#include "endpoints.hpp"
#include "stderr_log.hpp"
#include "tls_flags.hpp"
#include "until_signal.hpp"

#include <muxpro/proxy/inbounds/mixed.hpp>
#include <muxpro/proxy/inbounds/status.hpp>
#include <muxpro/proxy/instance.hpp>
#include <muxpro/proxy/outbounds/mux.hpp>
#include <muxpro/proxy/transport_dialer.hpp>

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
  client_pool_options pool;
  tls_flags tls;
};

std::shared_ptr<proxy::transport_dialer> way_to_server(const client_flags& flags) {
  const proxy::stream_address to = parse_address("--connect", flags.connect);
  if (!to.is_unix() && to.at.port == 0)
    throw usage_error(fmt::format("--connect {}: port 0 cannot be connected to", flags.connect));
  proxy::transport_use how = flags.tls.client(to.is_unix() ? std::string() : to.at.host.to_string());
  how.socket = proxy::lasting_socket();
  return std::make_shared<proxy::transport_dialer>(to, std::move(how));
}

asio::awaitable<session> dial_server(std::shared_ptr<proxy::transport_dialer> way, session_options options) {
  std::error_code ec;
  const auto c = co_await way->dial(ec);
  if (ec) throw std::system_error(ec);
  co_return c->into_session(role::client, options);
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

proxy::stream_endpoint status_address(const std::string& text) {
  const auto at = find_endpoint("--status", text);
  if (proxy::reaches_others(at))
    throw usage_error(fmt::format(
        "--status {}: it names users and targets, and must be a loopback address or unix:PATH", text));
  return at;
}

int run_client(client_flags flags) {
  if (const std::string mistake = flags.pool.validate(); !mistake.empty()) throw usage_error(mistake);
  const auto way = way_to_server(flags);
  proxy::mixed_inbound_options options;
  options.users = read_users(flags.users);
  const auto inbound = std::make_shared<proxy::mixed_inbound>(options);
  const std::size_t threads =
      flags.threads ? flags.threads : std::max(1u, std::thread::hardware_concurrency());

  ending_signals signals;
  auto equip = [&](proxy::dispatcher& d, asio::io_context& io) {
    auto dial = [way, options = flags.pool.session] { return dial_server(way, options); };
    d.add("server",
          std::make_shared<proxy::mux_outbound>(io.get_executor(), dial, flags.pool, relay_options()));
  };
  proxy::instance client(proxy::instance_options(), threads, equip, make_log(flags.log_level));
  const auto listen = [&](const proxy::stream_endpoint& at, const char* tag, auto serves,
                          const std::string& s) {
    try {
      return proxy::to_string(client.listen(at, tag, std::move(serves)));
    } catch (const std::system_error& e) {
      throw std::runtime_error(fmt::format("cannot listen on {}: {}", s, e.code().message()));
    }
  };
  for (const std::string& s : flags.socks)
    fmt::print("SOCKS and HTTP on {}\n", listen(listening_address(flags, s), "socks", inbound, s));
  if (const std::string& s = flags.status; !s.empty())
    fmt::print("status on {}\n",
               listen(status_address(s), "status", std::make_shared<proxy::status_inbound>(client), s));
  std::fflush(stdout);
  client.start();
  run_until_drained(
      signals, [&] { client.drain(); }, [&] { client.wait(); });
  way->stop();
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
