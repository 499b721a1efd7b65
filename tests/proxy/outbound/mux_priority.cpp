// Rules set which connections go first, and main connections follow them.
#include "catch.hpp"
#include "configured.hpp"
#include "support.hpp"

#include "proxy/dial/resolver.hpp"
#include "proxy/dial/route_by.hpp"
#include "proxy/outbound/mux.hpp"

#include <muxpro/proxy/dispatcher.hpp>
#include <muxpro/session.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/write.hpp>

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using test::as_result;

constexpr std::uint16_t interactive = 22, bulk = 6881;

struct ways {
  explicit ways(std::uint8_t usual = 0) : to(io.get_executor()) {
    const auto mux = std::make_shared<mux_outbound>(
        io.get_executor(), [this] { return dial(*this); }, client_pool_options(), relay_options(), usual);
    to.add("server", mux);
    routing_rule rule;
    rule.port = std::to_string(bulk);
    rule.outbound_tag = "server";
    rule.mux_priority = 255;
    router_options options;
    options.rules = {rule};
    options.outbound_tags = {"server"};
    to.route_by(by_rules(std::make_shared<const router>(options, geo), names));
  }

  // A wire that is narrow, so that there is something to wait for.
  static asio::awaitable<session> dial(ways& w) {
    auto [near, far] = make_pipe(w.io.get_executor(), 16 * 1024);
    w.server = session(std::move(far), role::server);
    w.server.async_run([](std::error_code) {});
    asio::co_spawn(w.io, serve(w), asio::detached);
    co_return session(std::move(near), role::client);
  }
  static asio::awaitable<void> serve(ways& w) {
    for (;;) {
      auto [error, stream] = co_await w.server.async_accept(as_result);
      if (error) co_return;
      w.priority[stream.target().port] = stream.priority();
      asio::co_spawn(w.io, hear(w, std::move(stream)), asio::detached);
    }
  }
  static asio::awaitable<void> hear(ways& w, sub_stream s) {
    std::vector<std::byte> room(64 * 1024);
    std::error_code ec;
    while (!ec) {
      const auto [error, n] = co_await s.async_read_some(asio::buffer(room), as_result);
      w.heard[s.target().port] += n;
      ec = error;
    }
  }
  static asio::awaitable<void> talk(ways& w, std::uint16_t port, std::optional<std::uint8_t> said) {
    context ctx;
    ctx.outbound.target = {network::tcp, "example.com", port};
    ctx.outbound.priority = said;
    target_link link = w.to.dispatch(std::move(ctx));
    const std::vector<std::byte> block(64 * 1024);
    std::error_code ec;
    while (!ec && !w.enough) {
      const auto [error, n] = co_await asio::async_write(link.stream, asio::buffer(block), as_result);
      ec = error;
    }
  }
  void run(std::uint64_t bytes, std::optional<std::uint8_t> said) {
    for (const std::uint16_t port : {bulk, interactive})
      asio::co_spawn(io, talk(*this, port, said), asio::detached);
    test::run_until(io, [&] {
      return heard[bulk] > 0 && heard[interactive] > 0 && heard[bulk] + heard[interactive] >= bytes;
    });
    enough = true;
    server.close();
    test::run_until(io, [this] { return to.live() == 0; });
  }

  asio::io_context io;
  geo_files geo;
  resolver names;
  dispatcher to;
  session server;
  std::map<std::uint16_t, std::uint64_t> heard;
  std::map<std::uint16_t, unsigned> priority;
  bool enough = false;
};

/// The priority of the first sub-stream that is opened there.
asio::awaitable<unsigned> first_priority(asio::ip::tcp::acceptor& at) {
  auto [error, socket] = co_await at.async_accept(as_result);
  session server(std::move(socket), role::server);
  server.async_run([](std::error_code) {});
  const sub_stream stream = co_await server.async_accept();
  co_return stream.priority();
}

}  // namespace

TEST_CASE("priority: of a rule, else that of the client", "[proxy][priority]") {
  ways w;
  w.run(1, 7);
  CHECK(w.priority[bulk] == 255);
  CHECK(w.priority[interactive] == 7);
}

TEST_CASE("priority: the outbound's, if neither a rule nor the client sets one", "[proxy][priority]") {
  ways usual(100);
  usual.run(1, std::nullopt);
  CHECK(usual.priority[bulk] == 255);
  CHECK(usual.priority[interactive] == 100);
  ways first(100);
  first.run(1, 0);
  CHECK(first.priority[interactive] == 0);
  ways neither;
  neither.run(1, std::nullopt);
  CHECK(neither.priority[interactive] == 0);
}

TEST_CASE("priority: a configuration's rule goes before its outbound", "[proxy][priority][configured]") {
  using configured_test::to_port;
  asio::io_context io;
  const auto loopback = asio::ip::make_address("127.0.0.1");
  const auto priority_to = [&](std::uint16_t port) {
    asio::ip::tcp::acceptor at(io, {loopback, 0});
    const auto p = configured_test::made(fmt::format(
        R"({{"inbounds": [{{"protocol": "socks", "listen": "127.0.0.1", "port": 0}}],
            "outbounds": [{{"tag": "far", "protocol": "mux.pro",
                            "settings": {{"address": "127.0.0.1", "port": {}}}, "mux": {{"priority": 9}}}}],
            "routing": {{"rules": [{{"port": {}, "outboundTag": "far", "muxPriority": 200}}]}}}})",
        at.local_endpoint().port(), bulk));
    p->start();
    asio::ip::tcp::socket client(io);
    client.connect(to_tcp(p->listening()[0].at));
    asio::write(client, asio::buffer("\x05\x01" + std::string(1, '\0') + to_port(port)));
    return test::run(io, first_priority(at));
  };
  CHECK(priority_to(interactive) == 9);
  CHECK(priority_to(bulk) == 200);
}

TEST_CASE("priority: what is interactive overtakes bulk on one main connection", "[proxy][priority]") {
  ways w;
  w.run(16 << 20, 0);
  INFO(w.heard[interactive] << " to " << w.heard[bulk]);
  CHECK(w.heard[interactive] > 3 * w.heard[bulk]);
  CHECK(w.heard[bulk] > 0);
}
