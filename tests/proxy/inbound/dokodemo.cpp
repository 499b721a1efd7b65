// Connections and datagrams to one place, and those that the kernel redirects.
#include "loopback.hpp"
#include "network_namespace.hpp"
#include "stages.hpp"

#include "proxy/inbound/dokodemo.hpp"

#include <iostream>

namespace {

using namespace loopback_test;
using stages::bench;

dokodemo_inbound to(const host_port& target) {
  dokodemo_inbound_options o;
  o.target = target;
  return dokodemo_inbound(o);
}

std::shared_ptr<const inbound> follower() {
  dokodemo_inbound_options o;
  o.follow_redirect = true;
  return std::make_shared<dokodemo_inbound>(o);
}

awaitable<std::string> answer(udp::socket& s, udp::endpoint& from) {
  std::array<char, 100> room;
  const std::size_t n = co_await s.async_receive_from(asio::buffer(room), from, asio::use_awaitable);
  co_return std::string(room.data(), n);
}

awaitable<std::string> ask(udp::socket& s, udp::endpoint at, std::string what) {
  co_await s.async_send_to(asio::buffer(what), at, asio::use_awaitable);
  udp::endpoint from;
  const std::string heard = co_await answer(s, from);
  CHECK(heard == what);
  CHECK(from == at);
  co_return heard;
}

std::shared_ptr<const inbound> to_the_echo(const targets& t) {
  return std::make_shared<dokodemo_inbound>(to({"127.0.0.1", t.to_udp_echo().port}));
}

awaitable<> each_source_is_one(standing& x) {
  udp::socket one(x.io, {loopback, 0}), two(x.io, {loopback, 0});
  for (int i = 0; i < 3; ++i) {
    const std::string first = co_await ask(one, x.udp_at, "one");
    const std::string second = co_await ask(two, x.udp_at, "two!");
    CHECK(first == "one");
    CHECK(second == "two!");
  }
  CHECK(x.nat.mappings() == 2);
}

awaitable<> silence_ends(standing& x) {
  udp::socket one(x.io, {loopback, 0});
  co_await ask(one, x.udp_at, "hello");
  co_await wait_for([&] { return x.log().size() == 1; });
  CHECK_THAT(x.log()[0], Catch::Matchers::ContainsSubstring("via direct: 5 bytes up, 5 down"));
  CHECK(x.nat.mappings() == 0);
  const std::string again = co_await ask(one, x.udp_at, "again");
  CHECK(again == "again");
}

awaitable<> the_quietest_goes(standing& x) {
  udp::socket one(x.io, {loopback, 0}), two(x.io, {loopback, 0}), three(x.io, {loopback, 0});
  co_await ask(one, x.udp_at, "1");
  co_await ask(two, x.udp_at, "22");
  co_await ask(one, x.udp_at, "1");
  co_await ask(three, x.udp_at, "333");
  co_await wait_for([&] { return x.log().size() == 1; });
  CHECK_THAT(x.log()[0], Catch::Matchers::ContainsSubstring("2 bytes up, 2 down"));
  co_await ask(one, x.udp_at, "1");
  CHECK(x.log().size() == 1);
}

/// Reports where its connections go.
class teller final : public outbound {
 public:
  awaitable<connection_result> carry(const context& ctx, client& c) override {
    connection_result result;
    co_await c.answer({}, result.why);
    const std::string where = to_string(ctx.outbound.target);
    co_await c.write(asio::buffer(where), result.why);
    co_await c.finish();
    co_return result;
  }
};

awaitable<> hear(tcp::endpoint at, std::string& heard) {
  tcp::socket s(co_await asio::this_coro::executor);
  const auto [error] = co_await s.async_connect(at, as_result);
  if (error) {
    // The cut may come before connect() looks whether it is connected.
    heard = error == asio::error::connection_reset ? "!" : error.message();
    co_return;
  }
  s.shutdown(tcp::socket::shutdown_send);
  heard = co_await read_all(s);
}

constexpr std::uint16_t door_port = 12345;
const tcp::endpoint elsewhere(asio::ip::make_address("198.51.100.7"), 80);

// On lo, a network of addresses that are this machine's and no interface's.
const std::string own_network = "ip link set lo up\nip addr add 198.51.100.1/24 dev lo\n";

/// Returns 0 if connections to other addresses are carried, and those to the inbound itself are cut.
int follows(transport_options how) {
  instance x(
      instance_options(), 1,
      [](dispatcher& d, asio::io_context&) { d.add("teller", std::make_shared<teller>()); },
      [](log_level, std::string_view) {});
  x.listen(tcp::endpoint(asio::ip::address_v4::any(), door_port), "in", follower(), std::move(how));
  x.start();
  asio::io_context io;
  std::string redirected, direct;
  test::run(io, hear(elsewhere, redirected));
  test::run(io, hear({loopback, door_port}, direct));
  if (redirected != "tcp:198.51.100.7:80|") std::cerr << "redirected: " << redirected << '\n';
  if (direct != "!") std::cerr << "direct: " << direct << '\n';
  return redirected == "tcp:198.51.100.7:80|" && direct == "!" ? 0 : 1;
}

const udp::endpoint one_place(elsewhere.address(), 53),
    other_place(asio::ip::make_address("198.51.100.8"), 53),
    the_door(asio::ip::make_address("198.51.100.1"), door_port);

const std::string redirected_datagrams = own_network + R"(
    nft 'add table ip t
      add chain ip t in { type filter hook prerouting priority -150; }
      add rule ip t in ip daddr { 198.51.100.7, 198.51.100.8 } udp dport 53 tproxy to :12345 accept')";

/// The answers to two clients that send "hi" to one target after the other, and the targets.
std::string through_a_transparent_door(std::shared_ptr<const inbound> in) {
  const auto parrot = std::make_shared<stages::datagram_parrot>();
  instance x(
      instance_options(), 1, [&](dispatcher& d, asio::io_context&) { d.add("parrot", parrot); },
      [](log_level, std::string_view) {});
  socket_options how;
  how.transparent = true;
  x.listen_for_datagrams({asio::ip::address_v4::any(), door_port}, "in", std::move(in), how);
  x.start();
  asio::io_context io;
  std::string heard;
  const auto asks = [&](std::vector<udp::endpoint> places) -> awaitable<> {
    udp::socket s(io, {the_door.address(), 0});
    for (const udp::endpoint& place : places) {
      // One to the door itself is no reason to take the next one for such.
      co_await s.async_send_to(asio::buffer("to the door", 11), the_door, asio::use_awaitable);
      co_await s.async_send_to(asio::buffer("hi ", 3), place, asio::use_awaitable);
      udp::endpoint from;
      std::string said;
      do said = co_await answer(s, from);
      while (from == the_door);
      heard += from == place ? said : "somebody else ";
    }
  };
  test::run(io, asks({one_place, other_place, other_place, one_place}));
  test::run(io, asks({other_place}));
  x.drain();
  x.wait();
  for (const context& c : parrot->seen) heard += to_string(c.outbound.target) + " ";
  return heard;
}

int same(const std::string& heard, const std::string& expected) {
  if (heard != expected) std::cerr << "heard: " << heard << '\n';
  return heard == expected ? 0 : 1;
}

/// 0: datagrams go where they were sent to, those to the door itself nowhere.
int datagrams_follow() {
  return same(through_a_transparent_door(follower()),
              "hi hi hi hi hi udp:198.51.100.7:53 udp:198.51.100.8:53 ");
}

/// 0: they go to the one target, and whom a client has asked answers it; so does the door.
int datagrams_are_taken() {
  return same(through_a_transparent_door(std::make_shared<dokodemo_inbound>(to({"192.0.2.9", 9}))),
              "hi hi hi hi hi udp:192.0.2.9:9 udp:192.0.2.9:9 udp:192.0.2.9:9 "
              "udp:192.0.2.9:9 ");
}

}  // namespace

TEST_CASE("dokodemo: a connection goes to the one target", "[proxy][dokodemo]") {
  bench b(to({"example.com", 443}));
  const auto target = std::make_shared<stages::parrot>();
  b.to.add("parrot", target);
  b.run([](bench& x) -> awaitable<> {
    const std::string heard = co_await stages::say(x, "hello", 5);
    CHECK(heard == "hello");
  });
  REQUIRE(target->seen.size() == 1);
  CHECK(to_string(target->seen[0].outbound.target) == "tcp:example.com:443");
  CHECK(target->seen[0].inbound.protocol == "dokodemo-door");
}

TEST_CASE("dokodemo: without its target a connection is cut", "[proxy][dokodemo]") {
  bench b(to({"example.com", 443}));
  b.to.add("wall", std::make_shared<stages::wall>(end_code::unreachable));
  b.run([](bench& x) -> awaitable<> {
    const std::string heard = co_await stages::read_all(x.client);
    CHECK(heard == "!");
  });
}

TEST_CASE("dokodemo: a target must be one", "[proxy][dokodemo]") {
  CHECK_THROWS_AS(dokodemo_inbound(dokodemo_inbound_options()), std::invalid_argument);
  CHECK_THROWS_AS(to({"a b", 1}), std::invalid_argument);
}

TEST_CASE("dokodemo: each source of datagrams is a connection of its own", "[proxy][dokodemo][udp]") {
  standing(to_the_echo).run(each_source_is_one);
}
TEST_CASE("dokodemo: a source that is silent ends, and may come back", "[proxy][dokodemo][udp]") {
  instance_options o;
  o.datagram_idle = 30ms;
  standing(to_the_echo, o).run(silence_ends);
}
TEST_CASE("dokodemo: there are so many sources, and the quietest one goes", "[proxy][dokodemo][udp]") {
  instance_options o;
  o.datagram_sources = 2;
  standing(to_the_echo, o).run(the_quietest_goes);
}

TEST_CASE("dokodemo: what was not redirected does not come back to itself", "[proxy][dokodemo]") {
  standing x(follower());
  x.run([](standing& y) -> awaitable<> {
    std::string heard;
    co_await hear(y.at, heard);
    CHECK(heard == "!");
    CHECK(y.log().empty());
  });
}

TEST_CASE("network_namespace: a script that fails is a failure, and no reason to skip", "[proxy][network]") {
  const auto nothing = [] { return 0; };
  if (const auto result = network_namespace::run("", nothing)) CHECK(*result == 0);
  const auto result = network_namespace::run("nft 'add rule ip t nowhere accept' 2>/dev/null", nothing);
  if (result) CHECK(*result == 1);
}

TEST_CASE("dokodemo: REDIRECT's connections go where they were meant to", "[proxy][dokodemo][network]") {
  const auto result = network_namespace::run(own_network + R"(
    nft 'add table ip t
      add chain ip t out { type nat hook output priority -100; }
      add rule ip t out ip daddr 198.51.100.7 tcp dport 80 redirect to :12345')",
                                             [] { return follows({}); });
  if (result) CHECK(*result == 0);
}

TEST_CASE("dokodemo: TPROXY's connections go where they were meant to", "[proxy][dokodemo][network]") {
  const auto result = network_namespace::run(own_network + R"(
    nft 'add table ip t
      add chain ip t in { type filter hook prerouting priority -150; }
      add rule ip t in ip daddr 198.51.100.7 tcp dport 80 tproxy to :12345 accept')",
                                             [] {
                                               transport_options how;
                                               how.socket.transparent = true;
                                               return follows(how);
                                             });
  if (result) CHECK(*result == 0);
}

TEST_CASE("dokodemo: TPROXY's datagrams go where they were meant to, and answers come from there",
          "[proxy][dokodemo][network]") {
  const auto result = network_namespace::run(redirected_datagrams, datagrams_follow);
  if (result) CHECK(*result == 0);
}

TEST_CASE("dokodemo: TPROXY's datagrams to one target are answered from the address that they were sent to",
          "[proxy][dokodemo][network]") {
  const auto result = network_namespace::run(redirected_datagrams, datagrams_are_taken);
  if (result) CHECK(*result == 0);
}
