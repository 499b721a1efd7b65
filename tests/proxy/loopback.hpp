// Targets on loopback, and a client and a server between a test and them.
#pragma once

#include "catch.hpp"
#include "kept_lines.hpp"
#include "server_engine.hpp"
#include "support.hpp"

#include "proxy/dial/connect_operation.hpp"
#include "proxy/dial/resolver.hpp"
#include "proxy/outbound/freedom.hpp"
#include "proxy/outbound/mux.hpp"

#include <muxpro/proxy/instance.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ip/udp.hpp>
#include <asio/read.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace loopback_test {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace std::chrono_literals;
using asio::ip::tcp;
using asio::ip::udp;
using test::as_result;
using test::server_engine;
using test::server_limits;

template <class T = void>
using awaitable = asio::awaitable<T>;

inline const auto loopback = asio::ip::make_address("127.0.0.1");

inline awaitable<> echo(tcp::socket s) {
  std::array<char, 4096> room;
  for (;;) {
    const auto [error, n] = co_await s.async_read_some(asio::buffer(room), as_result);
    if (error) break;
    co_await asio::async_write(s, asio::buffer(room.data(), n), as_result);
  }
}

inline awaitable<> serve_echo(tcp::acceptor& at) {
  for (;;) {
    auto [error, socket] = co_await at.async_accept(as_result);
    if (error) co_return;
    asio::co_spawn(at.get_executor(), echo(std::move(socket)), asio::detached);
  }
}

inline awaitable<> serve_udp_echo(udp::socket& at) {
  std::array<char, 2048> room;
  for (;;) {
    udp::endpoint from;
    const auto [error, n] = co_await at.async_receive_from(asio::buffer(room), from, as_result);
    if (error) co_return;
    co_await at.async_send_to(asio::buffer(room.data(), n), from, as_result);
  }
}

inline awaitable<> pause(std::chrono::nanoseconds how_long) {
  asio::steady_timer timer(co_await asio::this_coro::executor, how_long);
  co_await timer.async_wait(asio::use_awaitable);
}

inline awaitable<> wait_for(std::function<bool()> condition) {
  for (int i = 0; i < 5000 && !condition(); ++i) co_await pause(1ms);
  CHECK(condition());
}

/// Echoing targets, and a context for what a test does.
struct targets {
  targets() {
    asio::co_spawn(io, serve_echo(tcp_echo), asio::detached);
    asio::co_spawn(io, serve_udp_echo(udp_echo), asio::detached);
  }
  template <class Fixture>
  void run(Fixture& f, std::function<awaitable<>(Fixture&)> work) {
    std::exception_ptr failed;
    bool done = false;
    asio::co_spawn(io, work(f), [&](std::exception_ptr e) {
      failed = e;
      done = true;
      io.stop();
    });
    io.run_for(30s);
    if (failed) std::rethrow_exception(failed);
    REQUIRE(done);
  }
  destination to_echo() const { return {network::tcp, "127.0.0.1", tcp_echo.local_endpoint().port()}; }
  destination to_udp_echo() const { return {network::udp, "127.0.0.1", udp_echo.local_endpoint().port()}; }

  asio::io_context io;
  tcp::acceptor tcp_echo{io, {loopback, 0}};
  udp::socket udp_echo{io, {loopback, 0}};
};

inline awaitable<session> dial_server(tcp::endpoint server, session_options options) {
  tcp::socket socket(co_await asio::this_coro::executor);
  co_await socket.async_connect(server, asio::use_awaitable);
  co_return session(std::move(socket), role::client, std::move(options));
}

/// A client with an inbound, whose connections go through a server.
struct chain : targets {
  explicit chain(std::shared_ptr<const inbound> i, const server_limits& o = {}, client_pool_options pool = {})
      : server(o),
        server_at(server.listen(tcp::endpoint(loopback, 0))),
        client(
            instance_options(), 1,
            [this, pool](dispatcher& d, asio::io_context& context) {
              auto to_server = [this, options = pool.session] { return dial_server(server_at, options); };
              d.add("server",
                    std::make_shared<mux_outbound>(context.get_executor(), to_server, pool, relay_options()));
            },
            lines.sink()),
        at(client.listen({loopback, 0}, "in", std::move(i))) {
    server.start();
    client.start();
  }
  void run(std::function<awaitable<>(chain&)> work) { targets::run<chain>(*this, std::move(work)); }
  awaitable<tcp::socket> connect() {
    tcp::socket s(io);
    co_await s.async_connect(at, asio::use_awaitable);
    co_return s;
  }
  /// Of the access log.
  std::vector<std::string> log() const { return lines.all(); }

  test::kept_lines lines;
  server_engine server;
  tcp::endpoint server_at;
  instance client;
  tcp::endpoint at;
};

/// An inbound whose connections go straight out.
struct standing : targets {
  using make_inbound = std::function<std::shared_ptr<const inbound>(const targets&)>;

  explicit standing(std::shared_ptr<const inbound> i, instance_options o = {})
      : standing([i](const targets&) { return i; }, o) {}
  explicit standing(const make_inbound& make, instance_options o = {})
      : in(make(*this)),
        nat(nat_limits(), dial_options(), names, policy),
        whole(
            o, 1,
            [this](dispatcher& d, asio::io_context&) {
              d.add("direct",
                    std::make_shared<freedom>(names, policy, dial_options(), relay_options(), &nat));
            },
            lines.sink()),
        at(whole.listen(tcp::endpoint(loopback, 0), "in", in)),
        udp_at(whole.listen_for_datagrams({loopback, 0}, "in", in)) {
    policy.allow_private(true);
    policy.block("blocked.example");
    whole.start();
  }
  void run(std::function<awaitable<>(standing&)> work) { targets::run<standing>(*this, std::move(work)); }
  awaitable<tcp::socket> connect() {
    tcp::socket s(io);
    co_await s.async_connect(at, asio::use_awaitable);
    co_return s;
  }
  /// Of the access log.
  std::vector<std::string> log() const { return lines.all(); }

  const std::shared_ptr<const inbound> in;
  test::kept_lines lines;
  resolver names;
  dial_policy policy;
  udp_nat nat;
  instance whole;
  tcp::endpoint at;
  udp::endpoint udp_at;
};

inline awaitable<> write(tcp::socket& to, std::string what) {
  co_await asio::async_write(to, asio::buffer(what), as_result);
}

/// What comes next, `size` bytes of it or up to the end.
inline awaitable<std::string> read(tcp::socket& from, std::size_t size) {
  std::string heard(size, '\0');
  const auto [error, n] = co_await asio::async_read(from, asio::buffer(heard), as_result);
  heard.resize(n);
  co_return heard;
}

/// All that comes, and how it ended: "|" a clean end, "!" a cut.
inline awaitable<std::string> read_all(tcp::socket& from) {
  std::string heard;
  std::array<char, 16384> room;
  for (;;) {
    const auto [error, n] = co_await from.async_read_some(asio::buffer(room), as_result);
    heard.append(room.data(), n);
    if (error) co_return heard + (error == asio::error::eof ? "|" : "!");
  }
}

}  // namespace loopback_test
