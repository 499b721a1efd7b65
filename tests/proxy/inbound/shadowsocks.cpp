// Shadowsocks as a server.
#include "shadowsocks.hpp"

#include <algorithm>

namespace {

using namespace shadowsocks_link;

std::size_t lines_with(const standing& x, const std::string& part) {
  const std::vector<std::string> lines = x.log();
  return static_cast<std::size_t>(std::count_if(
      lines.begin(), lines.end(), [&](const std::string& l) { return l.find(part) != std::string::npos; }));
}

awaitable<> talks(standing& x, scheme of) {
  const auto c = co_await ask_for(x, of, x.to_echo(), "hello");
  const std::string hello = co_await get(*c, 5);
  CHECK(hello == "hello");
  const std::string much(200'000, 'x');
  asio::co_spawn(x.io, put(*c, much), asio::detached);
  const std::string back = co_await get(*c, much.size());
  CHECK(back == much);
  co_await put(*c, "more");
  co_await c->finish();
  const std::string rest = co_await get(*c, 100);
  CHECK(rest == "more|");
}

awaitable<> comes_byte_by_byte(standing& x, scheme of) {
  tcp::socket s = co_await x.connect();
  s.set_option(tcp::no_delay(true));
  chunk_codecs codecs = shadowsocks_request(of.client(), x.to_echo(), now);
  for (const char c : first_bytes(codecs, "hi")) {
    co_await write(s, std::string(1, c));
    co_await pause(100us);
  }
  const auto c = make_chunked(make_connection(std::move(s)), std::move(codecs), {});
  const std::string heard = co_await get(*c, 2);
  CHECK(heard == "hi");
}

awaitable<> waits_for_no_byte(standing& x, scheme of) {
  tcp::acceptor target(x.io, {loopback, 0});
  const destination to(network::tcp, "127.0.0.1", target.local_endpoint().port());
  const auto c = co_await ask_for(x, of, to, "");
  tcp::socket there = co_await target.async_accept(asio::use_awaitable);
  co_await write(there, "220 hello");
  const std::string heard = co_await get(*c, 9);
  CHECK(heard == "220 hello");
  there.shutdown(tcp::socket::shutdown_send);
  const std::string end = co_await get(*c, 1);
  CHECK(end == "|");
  co_await put(*c, "bye");
  const std::string bye = co_await read(there, 3);
  CHECK(bye == "bye");
}

// Whatever is wrong, the server reads on, sends nothing, and cuts when the time for a request is over.
awaitable<> ends_as_silence(standing& x, std::string wire) {
  const auto begun = std::chrono::steady_clock::now();
  tcp::socket s = co_await x.connect();
  co_await write(s, wire);
  const std::string heard = co_await read_all(s);
  CHECK(heard == "!");
  const auto took = std::chrono::steady_clock::now() - begun;
  CHECK(took >= 190ms);
  CHECK(took < 2s);
}

awaitable<> reacts_alike(standing& x, scheme of) {
  chunk_codecs codecs = shadowsocks_request(of.client(), x.to_echo(), now);
  const std::string good = first_bytes(codecs, "hi");
  co_await ends_as_silence(x, "");
  co_await ends_as_silence(x, good.substr(0, good.size() - 1));
  std::string wrong = good;
  wrong[3] = static_cast<char>(wrong[3] ^ 1);
  co_await ends_as_silence(x, wrong);
  co_await ends_as_silence(x, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n" + std::string(5000, 'x'));
  CHECK(lines_with(x, "authentication failed from 127.0.0.1 port ") == 2);
}

awaitable<> refuses_replays(standing& x, scheme of) {
  chunk_codecs codecs = shadowsocks_request(of.client(), x.to_echo(), now);
  const std::string good = first_bytes(codecs, "hi");
  tcp::socket s = co_await x.connect();
  co_await write(s, good);
  const auto c = make_chunked(make_connection(std::move(s)), std::move(codecs), {});
  const std::string heard = co_await get(*c, 2);
  CHECK(heard == "hi");
  co_await ends_as_silence(x, good);
  CHECK(lines_with(x, "The salt was used before") == 1);
  CHECK(lines_with(x, "alice") > 0);
}

awaitable<> names_the_clock(standing& x, scheme of) {
  chunk_codecs codecs =
      shadowsocks_request(of.client(), x.to_echo(), [] { return now() - std::chrono::seconds(100); });
  co_await ends_as_silence(x, first_bytes(codecs, "hi"));
  CHECK(lines_with(x, "clock off by -10") == 1);
}

awaitable<> cannot_reach(standing& x, scheme of) {
  const auto c = co_await ask_for(x, of, {network::tcp, "127.0.0.1", 1}, "hello");
  const std::string heard = co_await get(*c, 1);
  CHECK(heard == "!");
}

// --- datagrams

struct packet_socket {
  packet_socket(standing& x, const scheme& of)
      : socket(x.io, {loopback, 0}), at(x.udp_at), user(of.client()) {}

  byte_string sealed(const host_port& to, std::string_view text, unix_time when = now()) {
    byte_string out;
    user.seal(out, to, std::as_bytes(std::span(text)), when);
    return out;
  }
  awaitable<> send(byte_string packet) {
    co_await socket.async_send_to(asio::buffer(packet), at, asio::use_awaitable);
  }
  /// "ADDRESS: text", or "nothing" after 200 ms.
  awaitable<std::string> receive() {
    byte_string room(65536);
    udp::endpoint from;
    asio::steady_timer timer(socket.get_executor(), 200ms);
    timer.async_wait([this](std::error_code ec) {
      if (!ec) socket.cancel();
    });
    const auto [error, n] = co_await socket.async_receive_from(asio::buffer(room), from, as_result);
    if (error) co_return "nothing";
    std::string mistake;
    const auto o = user.open(bytes(room).first(n), now(), mistake);
    if (!o) co_return "broken";
    co_return to_string(o->where) + ": " + std::string(as_text(o->payload));
  }

  udp::socket socket;
  const udp::endpoint at;
  packet_user user;
};

awaitable<> carries_datagrams(standing& x, scheme of) {
  packet_socket s(x, of);
  const host_port echo(x.to_udp_echo().host, x.to_udp_echo().port);
  udp::socket other(x.io, {loopback, 0});
  asio::co_spawn(x.io, serve_udp_echo(other), asio::detached);
  const host_port second("127.0.0.1", other.local_endpoint().port());
  const byte_string first = s.sealed(echo, "one");
  co_await s.send(first);
  std::string heard = co_await s.receive();
  CHECK(heard == to_string(echo) + ": one");
  co_await s.send(s.sealed(second, std::string(1400, 'x')));
  heard = co_await s.receive();
  CHECK(heard == to_string(second) + ": " + std::string(1400, 'x'));
  // A replay, noise, and a wrong key.
  co_await s.send(first);
  co_await s.send(byte_string(100, std::byte{7}));
  heard = co_await s.receive();
  CHECK(heard == "nothing");
  co_await s.send(s.sealed(echo, "two"));
  heard = co_await s.receive();
  CHECK(heard == to_string(echo) + ": two");
  other.close();
}

// Where a session has a number it follows its client.
awaitable<> follows_its_client(standing& x, scheme of) {
  packet_socket s(x, of);
  const host_port echo(x.to_udp_echo().host, x.to_udp_echo().port);
  co_await s.send(s.sealed(echo, "one"));
  std::string heard = co_await s.receive();
  CHECK(heard == to_string(echo) + ": one");
  s.socket = udp::socket(x.io, {loopback, 0});
  co_await s.send(s.sealed(echo, "two"));
  heard = co_await s.receive();
  CHECK(heard == to_string(echo) + ": two");
}

awaitable<> drops_old_packets(standing& x, scheme of) {
  packet_socket s(x, of);
  const host_port echo(x.to_udp_echo().host, x.to_udp_echo().port);
  co_await s.send(s.sealed(echo, "late", now() - std::chrono::seconds(100)));
  const std::string heard = co_await s.receive();
  CHECK(heard == "nothing");
  CHECK(lines_with(x, "clock off by -10") == 1);
}

void with_every(awaitable<> (*work)(standing&, scheme), duration handshake = 10s) {
  for (const scheme& of : every_scheme()) {
    INFO(of.method.name);
    shadowsocks_inbound_options o = of.options();
    o.handshake = handshake;
    standing(std::make_shared<shadowsocks_inbound>(o)).run([&](standing& x) { return work(x, of); });
  }
}

}  // namespace

TEST_CASE("shadowsocks inbound: a connection and its half-close", "[proxy][shadowsocks]") {
  with_every(talks);
}
TEST_CASE("shadowsocks inbound: a head byte by byte", "[proxy][shadowsocks]") {
  with_every(comes_byte_by_byte);
}
TEST_CASE("shadowsocks inbound: a target that speaks first", "[proxy][shadowsocks]") {
  with_every(waits_for_no_byte);
}
TEST_CASE("shadowsocks inbound: all mistakes look like silence", "[proxy][shadowsocks]") {
  with_every(reacts_alike, 200ms);
}
TEST_CASE("shadowsocks inbound: replays", "[proxy][shadowsocks]") { with_every(refuses_replays, 200ms); }
TEST_CASE("shadowsocks inbound: a client's clock", "[proxy][shadowsocks]") {
  const scheme of("2022-blake3-aes-128-gcm");
  shadowsocks_inbound_options o = of.options();
  o.handshake = 200ms;
  standing(std::make_shared<shadowsocks_inbound>(o)).run([&](standing& x) { return names_the_clock(x, of); });
  standing(of.made()).run([&](standing& x) { return drops_old_packets(x, of); });
}
TEST_CASE("shadowsocks inbound: a target that cannot be reached is a cut", "[proxy][shadowsocks]") {
  with_every(cannot_reach);
}
TEST_CASE("shadowsocks inbound: datagrams", "[proxy][shadowsocks]") { with_every(carries_datagrams); }
TEST_CASE("shadowsocks inbound: a client of datagrams that moves", "[proxy][shadowsocks]") {
  with_every(follows_its_client);
}
