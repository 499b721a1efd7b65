// The command muxpro server, which accepts main connections and dials what their sub-streams ask for.
#include "commands.hpp"
#include "endpoints.hpp"
#include "program_log.hpp"
#include "tls_flags.hpp"
#include "until_signal.hpp"

#include "proxy/engine/server_config.hpp"

#include <muxpro/proxy/config.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace muxpro::app {

namespace {

struct server_flags {
  std::vector<std::string> listen;
  std::string status;
  bool allow_private = false, open_to_all = false;
  std::vector<std::string> pinned, blocked, own_addresses;
  double time_scale = 1;
  double drain_timeout = 30;
  std::size_t threads = 0;
  std::string log_level = "info";
  std::uint64_t process_budget = 0;
  std::uint32_t udp_rate = proxy::nat_limits().user_datagrams.burst;
  std::string refused_udp_ports;
  proxy::mux_inbound_options inbound;
  tls_flags tls;
};

asio::ip::address ip_address(const std::string& flag, const std::string& whole, const std::string& text) {
  std::error_code bad;
  const auto a = asio::ip::make_address(text, bad);
  if (bad) throw usage_error(fmt::format("{} {}: '{}' is not an IP address", flag, whole, text));
  return a;
}

/// Reads "NAME=ADDRESS[,ADDRESS]...". Without an address the name does not resolve.
void pin(proxy::config& c, const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw usage_error(fmt::format("--resolve {}: it must be NAME=ADDRESS[,ADDRESS]...", text));
  std::vector<asio::ip::address> answer;
  std::istringstream list(text.substr(equals + 1));
  for (std::string a; std::getline(list, a, ',');) answer.push_back(ip_address("--resolve", text, a));
  c.hosts[text.substr(0, equals)] = std::move(answer);
}

listen_address listening_address(const server_flags& flags, const std::string& text) {
  const listen_address address = parse_listen_address("--listen", text);
  if (flags.tls.options.authority.empty() && !flags.open_to_all && proxy::is_reachable_remotely(address.at))
    throw usage_error(fmt::format(
        "--listen {}: without --tls-client-ca every host that reaches this address could use the server; "
        "--open-to-all allows that",
        text));
  return address;
}

void add_places(const server_flags& flags, proxy::inbound_config& to) {
  for (const std::string& l : flags.listen) {
    const listen_address address = listening_address(flags, l);
    to.more.emplace_back(address.at, address.file_mode);
  }
  to.at = to.more.front().at;
  to.stream.socket.file_mode = to.more.front().file_mode;
  to.more.erase(to.more.begin());
}

proxy::config config_of(const server_flags& flags) {
  proxy::server_options o;
  o.inbound = flags.inbound;
  if (flags.process_budget > 0)
    o.inbound.session.process_budget = std::make_shared<buffer_budget>(flags.process_budget);
  o.direct.allow_private = flags.allow_private;
  o.direct.udp_rate = flags.udp_rate;
  o.direct.nat.refused_ports = flags.refused_udp_ports;
  o.drain_timeout = std::chrono::duration_cast<duration>(std::chrono::duration<double>(flags.drain_timeout));
  o = o.scaled(flags.time_scale);
  if (const std::string mistake = o.validate(); !mistake.empty()) throw usage_error(mistake);
  proxy::config c = proxy::server_config(o);
  c.log.level = level_named(flags.log_level);
  c.blocked_names = flags.blocked;
  for (const std::string& a : flags.own_addresses)
    c.own_addresses.push_back(ip_address("--own-address", a, a));
  for (const std::string& p : flags.pinned) pin(c, p);
  proxy::inbound_config& server = c.inbounds.front();
  server.stream.security = proxy::transport_factory([how = flags.tls.server()] { return how.layers; });
  add_places(flags, server);
  if (flags.status.empty()) return c;
  const listen_address status = status_address(flags.status);
  c.metrics = status.at;
  c.metrics_mode = status.file_mode;
  return c;
}

void add_limits(CLI::App& s, server_flags& flags) {
  proxy::mux_inbound_options& o = flags.inbound;
  s.add_option("--max-streams", o.session.max_streams, "Open sub-streams of one main connection")
      ->capture_default_str();
  s.add_option("--max-window", o.session.max_window, "Bytes to which a sub-stream's window may grow")
      ->capture_default_str();
  s.add_option("--process-budget", flags.process_budget,
               "Bytes that all main connections may hold unread; default: "
               "25 % of the memory, at most 512 MiB");
  s.add_option("--max-unnegotiated", o.max_unnegotiated, "Connections in their negotiation")
      ->capture_default_str();
  s.add_option("--max-unnegotiated-per-source", o.max_unnegotiated_per_source,
               "Connections in their negotiation from one IPv4 address or IPv6 /64")
      ->capture_default_str();
  s.add_option("--max-per-user", o.max_main_connections_per_user,
               "Main connections of one client certificate")
      ->capture_default_str();
  s.add_option("--max-per-source", o.max_main_connections_per_source,
               "Main connections of one IPv4 address or IPv6 /64")
      ->capture_default_str();
  s.add_option("--max-pending-dials", o.max_pending_dials, "Dials at once for one main connection")
      ->capture_default_str();
  s.add_option("--new-rate", o.new_rate, "Dials in a second for one main connection; 0: no limit")
      ->capture_default_str();
}

void add_target_options(CLI::App& s, server_flags& flags) {
  s.add_flag("--allow-private", flags.allow_private, "Dial private, local and other special addresses, too");
  s.add_option(
      "--own-address", flags.own_addresses,
      "A further address of this machine, such as that of a NAT in front of it, which is not dialled");
  s.add_option("--block", flags.blocked, "A name to refuse, with its sub-domains");
  s.add_option("--refuse-udp-ports", flags.refused_udp_ports,
               "UDP ports to refuse, such as 19,1900,11211, which amplification attacks use");
  s.add_option("--udp-rate", flags.udp_rate,
               "Datagrams that a user may send in a second, further ones are dropped; 0: no limit")
      ->capture_default_str();
  s.add_option("--resolve", flags.pinned, "NAME=ADDRESS[,ADDRESS]...: answer NAME without asking the DNS");
}

}  // namespace

void add_server_command(CLI::App& app, command& run) {
  auto flags = std::make_shared<server_flags>();
  CLI::App& s =
      *app.add_subcommand("server", "Accept main connections and dial the targets of their sub-streams.");
  s.add_option(
       "--listen", flags->listen,
       "HOST:PORT, [IPV6]:PORT, unix:PATH or unix:PATH,MODE (octal, of the socket's file), several times "
       "if need be; port 0 takes a free one")
      ->required();
  flags->tls.add_to_server(s);
  s.add_option("--status", flags->status,
               "HOST:PORT or unix:PATH[,MODE] to serve a status page on, with /metrics for Prometheus");
  s.add_flag("--open-to-all", flags->open_to_all,
             "Allow an address that other machines can reach without --tls-client-ca");
  add_target_options(s, *flags);
  add_limits(s, *flags);
  s.add_option("--drain-timeout", flags->drain_timeout,
               "Seconds for open sub-streams after SIGINT or SIGTERM")
      ->capture_default_str();
  s.add_option("--threads", flags->threads, "Threads; 0: one for each core")->capture_default_str();
  add_log_level(s, flags->log_level);
  s.add_option("--time-scale", flags->time_scale, "Divide all time-outs by this, for tests")
      ->check(CLI::Range(0.001, 1e6))
      ->capture_default_str();
  s.footer(
      "SIGINT or SIGTERM: accept nothing new, let open sub-streams end, and exit with 0. A second signal "
      "ends them at once. SIGHUP: read certificates again.");
  s.callback([flags, &run] {
    run = [flags] { return run_proxy(config_of(*flags), flags->threads, "server", "listening"); };
  });
}

}  // namespace muxpro::app
