// Names that get addresses of their own, from the query to the connection; and the lines about both.
#include "configured.hpp"
#include "kept_lines.hpp"

#include <asio/ip/udp.hpp>

#include <vector>

namespace {

using namespace configured_test;
using asio::ip::udp;

/// A query of class IN for one name.
std::string query(const std::string& name, char type) {
  return "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"s + static_cast<char>(name.size()) + name +
         "\x00\x00"s + type + "\x00\x01"s;
}
constexpr char a = 1, aaaa = 28;

asio::awaitable<std::string> by_udp(udp::socket s, udp::endpoint at, std::string what) {
  co_await s.async_send_to(asio::buffer(what), at, asio::use_awaitable);
  std::string room(512, ' ');
  const std::size_t n = co_await s.async_receive(asio::buffer(room), asio::use_awaitable);
  co_return room.substr(0, n);
}

asio::awaitable<std::string> by_tcp(tcp::socket s, tcp::endpoint at, std::string what) {
  co_await s.async_connect(at, asio::use_awaitable);
  const std::string length = {static_cast<char>(what.size() >> 8), static_cast<char>(what.size() & 255)};
  const std::string framed = length + what;
  // Two of them, since one connection may ask for several.
  const std::string twice = framed + framed;
  co_await asio::async_write(s, asio::buffer(twice), asio::use_awaitable);
  std::error_code cut_already;
  s.shutdown(tcp::socket::shutdown_send, cut_already);
  std::string heard;
  co_await asio::async_read(s, asio::dynamic_buffer(heard), as_result);
  co_return heard;
}

/// A SOCKS client's connection to an address of four octets.
asio::awaitable<std::string> connect(tcp::socket s, std::uint16_t proxy_port, std::string octets,
                                     std::uint16_t port) {
  co_await s.async_connect({make_address("127.0.0.1"), proxy_port}, asio::use_awaitable);
  const std::string all = "\x05\x01\x00\x05\x01\x00\x01"s + octets + static_cast<char>(port >> 8) +
                          static_cast<char>(port & 255) + "hello";
  co_await asio::async_write(s, asio::buffer(all), asio::use_awaitable);
  std::string answer(2 + 10 + 5, ' ');
  const auto [cut, n] = co_await asio::async_read(s, asio::buffer(answer), as_result);
  if (n < 4) co_return "cut";
  if (answer[3] != 0) co_return "refused " + std::to_string(answer[3]);
  std::error_code cut_already;
  s.shutdown(tcp::socket::shutdown_send, cut_already);
  std::string rest;
  co_await asio::async_read(s, asio::dynamic_buffer(rest), as_result);
  co_return answer.substr(12);
}

const std::string octets_of_answer(const std::string& answer) {
  return answer.size() < 4 ? "" : answer.substr(answer.size() - 4);
}

std::string text(const std::string& more) {
  return R"({"inbounds": [
      {"tag": "names", "protocol": "dns", "listen": "127.0.0.1", "port": 0, "settings": {"network": "udp"}},
      {"tag": "names by tcp", "protocol": "dns", "listen": "127.0.0.1", "port": 0,
       "settings": {"network": "tcp"}},
      {"tag": "in", "protocol": "socks", "listen": "127.0.0.1", "port": 0,
       "sniffing": {"enabled": true, "destOverride": ["fakedns"], "metadataOnly": true}}],
    "outbounds": [{"tag": "direct", "protocol": "freedom"}, {"tag": "no", "protocol": "blackhole"}],
    "routing": {"rules": [{"domain": ["full:ads"], "outboundTag": "no"}]})" +
         more + "}";
}

}  // namespace

TEST_CASE("configured dns: a name's address leads to the name again", "[proxy][configured][dns]") {
  bench b;
  test::kept_lines access;
  auto p = made(
      text(
          R"(, "log": {"accessFormat": "muxpro"}, "fakedns": {"ipPool": "198.18.0.0/15", "poolSize": 65535})"),
      access.sink());
  const tcp::endpoint at = to_tcp(p->listening()[0].at);
  const std::uint16_t socks = port_of(p->listening()[2]);
  p->start();
  const auto asked = [&](const std::string& name, char type) {
    return test::run(b.io, by_udp(udp::socket(b.io, {make_address("127.0.0.1"), 0}),
                                  {at.address(), at.port()}, query(name, type)));
  };
  const std::string here = asked("localhost", a), ads = asked("ads", a);
  CHECK(here.substr(0, 4) == "\x12\x34\x81\x80"s);
  CHECK(here.substr(6, 2) == "\x00\x01"s);
  CHECK(octets_of_answer(here) == "\xc6\x12\x00\x01"s);
  CHECK(octets_of_answer(ads) == "\xc6\x12\x00\x02"s);
  CHECK(asked("localhost", a) == here);
  CHECK(asked("localhost", aaaa).substr(6, 2) == "\x00\x00"s);  // no pool of that family
  CHECK(test::run(b.io, by_tcp(tcp::socket(b.io), to_tcp(p->listening()[1].at), query("localhost", a))) ==
        "\x00\x2b"s + here + "\x00\x2b"s + here);
  const auto connected = [&](const std::string& octets) {
    return test::run(b.io, connect(tcp::socket(b.io), socks, octets, b.port()));
  };
  CHECK(connected(octets_of_answer(here)) == "hello");
  CHECK(connected(octets_of_answer(ads)) == "refused 2");
  finish(p);
  // Queries are left out unless dnsLog wants them.
  REQUIRE(access.all().size() == 2);
  const std::string both = access.all()[0] + access.all()[1];  // of two threads
  CHECK(both.find("-> tcp:localhost:") != std::string::npos);
  CHECK(both.find("-> tcp:ads:") != std::string::npos);
}

TEST_CASE("configured dns: with dnsLog there are lines about queries", "[proxy][configured][dns]") {
  bench b;
  test::kept_lines access;
  auto p = made(text(R"(, "log": {"dnsLog": true, "accessFormat": "muxpro"})"), access.sink());
  const tcp::endpoint at = to_tcp(p->listening()[0].at);
  p->start();
  test::run(b.io, by_udp(udp::socket(b.io, {make_address("127.0.0.1"), 0}), {at.address(), at.port()},
                         query("localhost", a)));
  finish(p);
  REQUIRE(access.all().size() == 1);
  CHECK(access.all()[0].find("names -> udp:127.0.0.1:") != std::string::npos);
  CHECK(access.all()[0].find("via fakedns: 27 bytes up, 43 down") != std::string::npos);
}

TEST_CASE("configured dns: what is no query ends a connection", "[proxy][configured][dns]") {
  bench b;
  auto p = made(text(""));
  p->start();
  const auto said = [&](const std::string& what) {
    return test::run(b.io, by_tcp(tcp::socket(b.io), to_tcp(p->listening()[1].at), what));
  };
  CHECK(said("short") == "");
  CHECK(said(std::string(5000, 'x')) == "");
  finish(p);
}
