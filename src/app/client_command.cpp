// muxpro client: a SOCKS and HTTP listener whose connections go over main connections to a server.
#include "commands.hpp"
#include "endpoints.hpp"
#include "stderr_log.hpp"
#include "until_signal.hpp"

#include <muxpro/proxy/dialer.hpp>
#include <muxpro/proxy/inbounds/mixed.hpp>
#include <muxpro/proxy/instance.hpp>
#include <muxpro/proxy/outbounds/mux.hpp>

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

using asio::ip::tcp;

struct client_flags {
  std::vector<std::string> socks;
  std::string connect;
  std::vector<std::string> users;
  bool open_to_all = false;
  std::size_t threads = 0;
  std::string log_level = "info";
  client_pool_options pool;
};

/// The server is the operator's choice: no policy stands between.
struct way_to_server {
  explicit way_to_server(const std::string& text) {
    auto [host, port] = split("--connect", text);
    if (port == 0) throw usage_error(fmt::format("--connect {}: port 0 cannot be connected to", text));
    server = destination(network::tcp, host, port);
    if (!server.host.valid()) throw usage_error(fmt::format("--connect {}: no valid host", text));
    everything.allow_private(true);
  }
  destination server;
  proxy::resolver names{2};
  proxy::dial_policy everything;
  proxy::dial_options dial;
};

asio::awaitable<session> dial_server(std::shared_ptr<way_to_server> way, session_options options) {
  const auto attempt = std::make_shared<proxy::dial>(co_await asio::this_coro::executor, way->names,
                                                     way->everything, way->dial);
  std::error_code ec;
  tcp::socket socket = co_await attempt->connect(way->server, ec);
  if (ec) throw std::system_error(ec);
  socket.set_option(tcp::no_delay(true), ec);
  socket.set_option(tcp::socket::keep_alive(true), ec);
  co_return session(std::move(socket), role::client, std::move(options));
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

tcp::endpoint listening_address(const client_flags& flags, const std::string& text) {
  const tcp::endpoint at = find_endpoint("--socks", text);
  if (flags.users.empty() && !flags.open_to_all && !at.address().is_loopback())
    throw usage_error(fmt::format(
        "--socks {}: without --user anybody who reaches this address could use it; --open-to-all allows that",
        text));
  return at;
}

int run_client(client_flags flags) {
  if (const std::string mistake = flags.pool.validate(); !mistake.empty()) throw usage_error(mistake);
  const auto way = std::make_shared<way_to_server>(flags.connect);
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
  for (const std::string& s : flags.socks) {
    try {
      fmt::print("SOCKS and HTTP on {}\n",
                 to_string(client.listen(listening_address(flags, s), "socks", inbound)));
    } catch (const std::system_error& e) {
      throw std::runtime_error(fmt::format("cannot listen on {}: {}", s, e.code().message()));
    }
  }
  std::fflush(stdout);
  client.start();
  run_until_drained(
      signals, [&] { client.drain(); }, [&] { client.wait(); });
  way->names.stop();
  return 0;
}

}  // namespace

void add_client_command(CLI::App& app, command& run) {
  auto flags = std::make_shared<client_flags>();
  CLI::App& s = *app.add_subcommand(
      "client", "Listen for SOCKS and HTTP and carry their connections to a muxpro server.");
  s.add_option("--socks", flags->socks,
               "HOST:PORT or [IPV6]:PORT to listen on for SOCKS 4, 4a and 5, UDP ASSOCIATE included, and for "
               "HTTP: CONNECT and plain requests")
      ->required();
  s.add_option("--connect", flags->connect, "HOST:PORT of the muxpro server")->required();
  s.add_option("--user", flags->users, "NAME:PASSWORD that a client has to know, several times if need be");
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
