// The command muxpro demo, with a client, a server and something to fetch through them, in one process.
#include "commands.hpp"
#include "lines.hpp"
#include "program_log.hpp"
#include "until_signal.hpp"

#include "proxy/engine/server_config.hpp"
#include "proxy/inbound/socks.hpp"
#include "proxy/outbound/mux.hpp"

#include <muxpro/proxy/configured_proxy.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

namespace muxpro::app {

namespace {

using asio::ip::tcp;

const asio::ip::address loopback = asio::ip::address_v4::loopback();
/// Only the demo's server resolves it, so that an answer from it came through that server.
constexpr const char* demo_host = "demo.example";

std::string page() {
  constexpr std::string_view text = "Hello. This came over a sub-stream of a Mux.Pro session.\n";
  return fmt::format(
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
      text.size(), text);
}

// Sends the page after the first bytes of any request, then waits until the visitor has closed.
asio::awaitable<void> answer(std::shared_ptr<tcp::socket> visitor) {
  std::error_code ec;
  auto token = asio::redirect_error(asio::use_awaitable, ec);
  std::array<char, 4096> room;
  asio::steady_timer limit(visitor->get_executor(), std::chrono::seconds(10));
  limit.async_wait([weak = std::weak_ptr(visitor)](std::error_code over) {
    if (const auto late = weak.lock(); late && !over) late->close(over);
  });
  co_await visitor->async_read_some(asio::buffer(room), token);
  const std::string all = page();
  if (!ec) co_await asio::async_write(*visitor, asio::buffer(all), token);
  if (!ec) visitor->shutdown(tcp::socket::shutdown_send, ec);
  while (!ec) co_await visitor->async_read_some(asio::buffer(room), token);
}

asio::awaitable<void> serve_page(tcp::acceptor& at) {
  for (;;) {
    std::error_code ec;
    tcp::socket visitor = co_await at.async_accept(asio::redirect_error(asio::use_awaitable, ec));
    if (ec) co_return;
    auto shared = std::make_shared<tcp::socket>(std::move(visitor));
    asio::co_spawn(at.get_executor(), answer(std::move(shared)), [](std::exception_ptr) {});
  }
}

proxy::config client_of(const tcp::endpoint& server, std::uint16_t port, const std::string& level) {
  proxy::config c;
  c.log.level = level_named(level);
  proxy::inbound_config socks;
  socks.tag = "socks";
  socks.at = tcp::endpoint(loopback, port);
  socks.plan = proxy::plan_of(proxy::socks_inbound_options());
  c.inbounds.push_back(std::move(socks));
  proxy::outbound_config far;
  far.tag = "server";
  far.plan = proxy::mux_plan(proxy::stream_address(host_port(server.address().to_string(), server.port())));
  far.mux.emplace();
  c.outbounds.push_back(std::move(far));
  return c;
}

proxy::config server_of(const std::string& level) {
  proxy::server_options options;
  options.direct.allow_private = true;
  proxy::config c = proxy::server_config(options);
  c.log.level = level_named(level);
  c.hosts[demo_host] = {loopback};
  c.inbounds.front().at = tcp::endpoint(loopback, 0);
  return c;
}

int demo(std::uint16_t port, const std::string& level) {
  ending_signals signals;
  const proxy::config of_server = server_of(level);
  program_log log(of_server.log);
  // The page lives on the thread that waits for signals.
  tcp::acceptor page_at(signals.io, {loopback, 0});
  asio::co_spawn(signals.io, serve_page(page_at), [](std::exception_ptr) {});

  proxy::geo_files none;
  proxy::configured_proxy server(of_server, none, 1, log.lines(), log.access());
  const tcp::endpoint server_at = proxy::to_tcp(server.listening().front().at);
  proxy::configured_proxy client(client_of(server_at, port, level), none, 1, log.lines());
  server.start();
  client.start();
  const auto socks = proxy::to_string(client.listening().front().at);
  const auto port_of_page = page_at.local_endpoint().port();
  print_line(stdout, fmt::format("SOCKS on {}, server on {}, page on port {}", socks,
                                 proxy::to_string(proxy::stream_endpoint(server_at)), port_of_page));
  print_line(stdout, fmt::format("curl --proxy socks5h://{} http://{}:{}/", socks, demo_host, port_of_page));
  std::fflush(stdout);
  const auto drain = [&] { client.drain(); };
  // The client ends first, so that its server has no connection left to wait for.
  const auto wait = [&] {
    client.wait();
    server.drain();
    server.wait();
  };
  run_until_drained(signals, drain, wait);
  return 0;
}

}  // namespace

void add_demo_command(CLI::App& app, command& run) {
  struct flags {
    std::uint16_t port = 0;
    std::string level = "info";
  };
  auto f = std::make_shared<flags>();
  CLI::App& s = *app.add_subcommand(
      "demo",
      "Run a client, a server and a web page in this process, and print the curl command that fetches it.");
  s.add_option("--port", f->port, "Port for SOCKS on 127.0.0.1; 0 takes a free one")->capture_default_str();
  add_log_level(s, f->level);
  s.callback([f, &run] { run = [f] { return demo(f->port, f->level); }; });
}

}  // namespace muxpro::app
