// Addresses of the machine, in a network of the test's own.
#include "configured.hpp"
#include "network_namespace.hpp"

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <thread>

namespace {

using namespace configured_test;

/// The reply of a SOCKS 5 server to a CONNECT: 0 connected, 2 not allowed, 3 no route.
asio::awaitable<int> reply_for(asio::io_context& io, std::uint16_t proxy, tcp::endpoint target) {
  tcp::socket s(io);
  co_await s.async_connect({make_address("127.0.0.1"), proxy}, asio::use_awaitable);
  std::string request = "\x05\x01\x00\x05\x01\x00\x01"s;
  for (const auto octet : target.address().to_v4().to_bytes()) request += static_cast<char>(octet);
  request += static_cast<char>(target.port() >> 8);
  request += static_cast<char>(target.port() & 255);
  co_await asio::async_write(s, asio::buffer(request), asio::use_awaitable);
  std::string answer(12, ' ');
  co_await asio::async_read(s, asio::buffer(answer), asio::use_awaitable);
  co_return answer[3];
}

int add_address(const std::string& a) {
  return std::system(("PATH=$PATH:/usr/sbin:/sbin; ip addr add " + a + "/32 dev lo").c_str());
}

/// In the test's network: 8.0.0.1 is an address of the machine from the start, 8.0.0.2 later, 8.0.0.3 that of
/// a NAT.
int own_addresses_are_refused(const std::string& allow_private) {
  asio::io_context io;
  tcp::acceptor service(io, {make_address("0.0.0.0"), 0});
  asio::co_spawn(io, serve_echo(service), asio::detached);
  const auto proxy = made(R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 0}],
    "ownAddresses": ["8.0.0.3"],
    "outbounds": [{"protocol": "freedom", "settings": {"allowPrivate": )" +
                          allow_private + "}}]}");
  proxy->start();
  const std::uint16_t port = port_of(proxy->listening().front());
  const auto reply = [&](const char* a) {
    const tcp::endpoint target(make_address(a), service.local_endpoint().port());
    return test::run(io, reply_for(io, port, target));
  };
  const bool open = allow_private == "true";
  int wrong = reply("8.0.0.1") != (open ? 0 : 2) ? 1 : 0;
  if (reply("8.0.0.3") != (open ? 3 : 2)) wrong |= 2;
  if (reply("8.0.0.2") != 3) wrong |= 4;
  if (add_address("8.0.0.2") != 0) wrong |= 8;
  for (int i = 0; i < 500 && !open && reply("8.0.0.2") != 2; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  if (reply("8.0.0.2") != (open ? 0 : 2)) wrong |= 16;
  return wrong;
}

/// What a SOCKS server answers that is reached through a proxy, or "" if the connection ends.
asio::awaitable<std::string> greeting_through(asio::io_context& io, tcp::endpoint proxy, std::string target) {
  tcp::socket s(io);
  co_await s.async_connect(proxy, asio::use_awaitable);
  const std::string request = "\x05\x01\x00\x05\x01\x00\x01"s + target + "\x05\x01\x00"s;
  co_await asio::async_write(s, asio::buffer(request), asio::use_awaitable);
  std::string replies(12, ' '), answer(2, ' ');
  co_await asio::async_read(s, asio::buffer(replies), asio::use_awaitable);
  const auto [end, n] = co_await asio::async_read(s, asio::buffer(answer), as_result);
  co_return replies[3] == 0 && n == 2 ? answer : "";
}

/// In the test's network a NAT leads 8.0.0.9 port 12345 to the proxy, which listens on 8.0.0.1.
int loops_are_cut() {
  asio::io_context io;
  const auto proxy = made(R"({"inbounds": [{"protocol": "socks", "listen": "8.0.0.1", "port": 12345,
    "openToAll": true}], "outbounds": [{"protocol": "freedom", "settings": {"allowPrivate": true}}]})");
  proxy->start();
  const tcp::endpoint here(make_address("8.0.0.1"), 12345);
  const std::string by_nat = test::run(io, greeting_through(io, here, "\x08\x00\x00\x09\x30\x39"s));
  return by_nat.empty() ? 0 : 1;
}

TEST_CASE("own addresses: a connection that leads back through a NAT is dropped",
          "[proxy][policy][network]") {
  const auto result = network_namespace::run(R"(
    ip link set lo up; ip addr add 8.0.0.1/32 dev lo; ip route add 8.0.0.9/32 dev lo src 8.0.0.1
    nft 'add table ip t
      add chain ip t out { type nat hook output priority -100; }
      add rule ip t out ip daddr 8.0.0.9 tcp dport 12345 dnat to 8.0.0.1:12345')",
                                             loops_are_cut);
  if (result) CHECK(*result == 0);
}

TEST_CASE("own addresses: a service of this machine is private by each of its addresses",
          "[proxy][policy][network]") {
  for (const std::string allow_private : {"false", "true"}) {
    CAPTURE(allow_private);
    const auto result = network_namespace::run("ip link set lo up; ip addr add 8.0.0.1/32 dev lo",
                                               [&] { return own_addresses_are_refused(allow_private); });
    if (result) CHECK(*result == 0);
  }
}

}  // namespace
