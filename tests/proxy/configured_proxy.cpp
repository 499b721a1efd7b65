// A configuration that runs: listeners, rules, transports, and what is wrong only when it starts.
#include "catch.hpp"
#include "certificates.hpp"
#include "support.hpp"

#include <muxpro/proxy/configured_proxy.hpp>
#include <muxpro/proxy/mux_server.hpp>
#include <muxpro/proxy/transports/tls.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>

#include <fmt/format.h>

#include <array>
#include <memory>
#include <string>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace std::string_literals;
using asio::ip::make_address;
using asio::ip::tcp;
using test::as_result;

config config_of(const std::string& text) {
  config_mistakes mistakes;
  geo_files none;
  const auto root = parse_json(text, mistakes);
  REQUIRE(root);
  config c = read_config(*root, transport_registry::global(), none, mistakes);
  for (const auto& m : mistakes.all()) FAIL(m.path << ": " << m.sentence);
  return c;
}

std::unique_ptr<configured_proxy> made(const std::string& text) {
  geo_files none;
  return std::make_unique<configured_proxy>(config_of(text), none, 2, [](log_level, std::string_view) {});
}

std::uint16_t port_of(const configured_proxy::way_in& in) { return to_tcp(in.at).port(); }

asio::awaitable<void> echo(tcp::socket s) {
  std::array<char, 100> room;
  for (;;) {
    const auto [error, n] = co_await s.async_read_some(asio::buffer(room), as_result);
    if (error) co_return;
    co_await asio::async_write(s, asio::buffer(room.data(), n), as_result);
  }
}

asio::awaitable<void> serve_echo(tcp::acceptor& at) {
  for (;;) {
    auto [error, s] = co_await at.async_accept(as_result);
    if (error) co_return;
    asio::co_spawn(at.get_executor(), echo(std::move(s)), asio::detached);
  }
}

/// What a SOCKS client hears of a target: an echo, or the code of the refusal.
template <class Socket>
asio::awaitable<std::string> ask(Socket s, typename Socket::endpoint_type at, std::uint16_t port,
                                 std::string say = "hello") {
  co_await s.async_connect(at, asio::use_awaitable);
  const std::string request = "\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01"s + static_cast<char>(port >> 8) +
                              static_cast<char>(port & 255) + say;
  co_await asio::async_write(s, asio::buffer(request), asio::use_awaitable);
  std::string answer(12, ' ');
  const auto [cut, got] = co_await asio::async_read(s, asio::buffer(answer), as_result);
  if (cut) co_return "cut";
  if (answer[3] != 0) co_return "refused " + std::to_string(answer[3]);
  std::string word(say.size(), ' ');
  const auto [error, n] = co_await asio::async_read(s, asio::buffer(word), as_result);
  // The echo ends with it: a proxy that drains would wait for one that does not.
  std::error_code cut_already;
  s.shutdown(Socket::shutdown_send, cut_already);
  std::array<char, 1> none;
  const auto [ended, nothing] = co_await asio::async_read(s, asio::buffer(none), as_result);
  if (error) co_return error.message();
  co_return ended == asio::error::eof ? word : "no end";
}

/// What an echo says that is right behind `at`.
asio::awaitable<std::string> say(tcp::socket s, tcp::endpoint at, std::string what) {
  co_await s.async_connect(at, asio::use_awaitable);
  co_await asio::async_write(s, asio::buffer(what), asio::use_awaitable);
  s.shutdown(tcp::socket::shutdown_send);
  std::string heard;
  co_await asio::async_read(s, asio::dynamic_buffer(heard), as_result);
  co_return heard;
}

struct bench {
  bench() { asio::co_spawn(io, serve_echo(target), asio::detached); }
  std::string by_tcp(std::uint16_t proxy_port, std::uint16_t port, std::string say = "hello") {
    const tcp::endpoint proxy_at(make_address("127.0.0.1"), proxy_port);
    return test::run(io, ask(tcp::socket(io), proxy_at, port, std::move(say)));
  }
  std::string by_unix(const std::string& path, std::uint16_t port) {
    using local = asio::local::stream_protocol;
    return test::run(io, ask(local::socket(io), local::endpoint(path), port));
  }
  std::uint16_t port() const { return target.local_endpoint().port(); }

  test::directory at;
  asio::io_context io;
  tcp::acceptor target{io, {make_address("127.0.0.1"), 0}};
};

void finish(configured_proxy& p) {
  p.drain();
  p.wait();
}

}  // namespace

TEST_CASE("configured proxy: listens, routes, reaches targets", "[proxy][configured]") {
  bench b;
  const std::string path = b.at / "s";
  const auto p = made(fmt::format(
      R"({{"inbounds": [{{"tag": "one", "protocol": "socks", "listen": "127.0.0.1", "port": 0}},
                        {{"tag": "two", "protocol": "socks", "listen": "{}"}}],
          "outbounds": [{{"protocol": "freedom"}}, {{"tag": "no", "protocol": "blackhole"}}],
          "routing": {{"rules": [{{"inboundTag": "one", "port": "1", "outboundTag": "no"}}]}}}})",
      path));
  REQUIRE(p->listening().size() == 2);
  CHECK(p->listening()[1].tag == "two");
  CHECK(to_string(p->listening()[1].at) == "unix:" + path);
  const std::uint16_t port = port_of(p->listening()[0]);
  p->start();
  CHECK(b.by_tcp(port, b.port()) == "hello");
  CHECK(b.by_unix(path, b.port()) == "hello");
  CHECK(b.by_tcp(port, 1) == "refused 2");     // by the rule
  CHECK(b.by_unix(path, 1) == "refused 4");    // nobody listens
  CHECK(b.by_tcp(port, port) == "refused 2");  // its own listener
  finish(*p);
}

TEST_CASE("configured proxy: a freedom that others reach dials nothing private", "[proxy][configured]") {
  bench b;
  const auto said = [&](const std::string& settings) {
    const auto p =
        made(R"({"inbounds": [{"protocol": "socks", "listen": "0.0.0.0", "port": 0, "openToAll": true}],
                            "outbounds": [{"protocol": "freedom")" +
             settings + "}]}");
    p->start();
    const std::string out = b.by_tcp(port_of(p->listening()[0]), b.port());
    finish(*p);
    return out;
  };
  CHECK(said("") == "refused 2");
  CHECK(said(R"(, "settings": {"allowPrivate": true})") == "hello");
}

TEST_CASE("configured proxy: over TLS to a server that asks for a certificate", "[proxy][configured]") {
  bench b;
  const test::certificates known;
  tls_options o;
  o.certificate = known.server.certificate_file;
  o.key = known.server.key_file;
  o.authority = known.ca.certificate_file;
  mux_server server(server_options(), 1, [](log_level, std::string_view) {});
  server.parts().policy.allow_private(true);
  const auto at = server.listen(tcp::endpoint(make_address("127.0.0.1"), 0),
                                transport_use(std::make_shared<const tls_transport>(role::server, o)));
  server.start();
  const auto said = [&](const test::identity& who) {
    const auto p = made(fmt::format(
        R"({{"inbounds": [{{"protocol": "socks", "listen": "127.0.0.1", "port": 0}}],
            "outbounds": [{{"protocol": "mux.pro", "settings": {{"address": "127.0.0.1", "port": {}}},
              "streamSettings": {{"security": "tls", "tlsSettings": {{"certificates": [
                {{"usage": "verify", "certificateFile": "{}"}},
                {{"certificateFile": "{}", "keyFile": "{}"}}]}}}}}}]}})",
        at.port(), known.ca.certificate_file, who.certificate_file, who.key_file));
    p->start();
    const std::string out = b.by_tcp(port_of(p->listening()[0]), b.port());
    finish(*p);
    return out;
  };
  CHECK(said(known.alice) == "hello");
  CHECK(said(known.mallory) != "hello");
  server.drain();
  server.wait();
}

TEST_CASE("configured proxy: a door leads to its place, by TCP and UDP", "[proxy][configured]") {
  bench b;
  // One port number that is free for both: TCP finds it, UDP has it to itself here.
  asio::ip::udp::socket udp_target(b.io, {make_address("127.0.0.1"), b.port()});
  const auto p = made(fmt::format(
      R"({{"inbounds": [{{"protocol": "dokodemo-door", "listen": "127.0.0.1", "port": 0,
            "settings": {{"address": "127.0.0.1", "port": {}, "network": "tcp,udp"}}}}],
          "outbounds": [{{"protocol": "freedom"}}]}})",
      b.port()));
  const auto door = to_tcp(p->listening()[0].at);
  p->start();
  CHECK(test::run(b.io, say(tcp::socket(b.io), door, "hello")) == "hello");
  asio::ip::udp::socket client(b.io, {make_address("127.0.0.1"), 0});
  client.send_to(asio::buffer("query"s), {door.address(), door.port()});
  std::array<char, 100> room;
  asio::ip::udp::endpoint from;
  const std::size_t asked = udp_target.receive_from(asio::buffer(room), from);
  CHECK(std::string(room.data(), asked) == "query");
  udp_target.send_to(asio::buffer("answer"s), from);
  const std::size_t heard = client.receive(asio::buffer(room));
  CHECK(std::string(room.data(), heard) == "answer");
  finish(*p);
}

TEST_CASE("configured proxy: by way of a SOCKS server", "[proxy][configured]") {
  bench b;
  const auto far = made(
      R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 0,
                        "settings": {"accounts": [{"user": "alice", "pass": "secret"}]}}],
          "outbounds": [{"protocol": "freedom"}]})");
  far->start();
  const auto said = [&](const std::string& secret) {
    const auto near = made(fmt::format(
        R"({{"inbounds": [{{"protocol": "socks", "listen": "127.0.0.1", "port": 0}}],
            "outbounds": [{{"protocol": "socks", "settings": {{"servers": [
              {{"address": "127.0.0.1", "port": {}, "users": [{{"user": "alice", "pass": "{}"}}]}}]}}}}]}})",
        port_of(far->listening()[0]), secret));
    near->start();
    const std::string out = b.by_tcp(port_of(near->listening()[0]), b.port());
    finish(*near);
    return out;
  };
  CHECK(said("secret") == "hello");
  CHECK(said("wrong") == "refused 2");
  finish(*far);
}

TEST_CASE("configured proxy: what cannot be had at the start is named", "[proxy][configured]") {
  using Catch::Matchers::ContainsSubstring;
  const std::string outbounds = R"("outbounds": [{"protocol": "freedom"}]})";
  CHECK_THROWS_WITH(made(R"({"inbounds": [{"tag": "sure", "protocol": "socks", "listen": "::1", "port": 0,
      "streamSettings": {"security": "tls", "tlsSettings": {"certificates": [
        {"certificateFile": "/nowhere/a.pem", "keyFile": "/nowhere/a.key"}]}}}], )" +
                         outbounds),
                    ContainsSubstring("sure: cannot use the certificate in /nowhere/a.pem: No such file"));
  CHECK_THROWS_WITH(made(R"({"inbounds": [{"tag": "x", "protocol": "socks", "listen": "192.0.2.1", "port": 1,
                             "openToAll": true}], )" +
                         outbounds),
                    ContainsSubstring("x: cannot listen on 192.0.2.1:1: "));
  CHECK_THROWS_WITH(
      made(R"({"inbounds": [{"tag": "x", "protocol": "socks", "listen": "/nowhere/s"}], )" + outbounds),
      ContainsSubstring("x: cannot listen on unix:/nowhere/s: No such file"));
}

TEST_CASE("configured proxy: may go with connections and queries open", "[proxy][configured]") {
  bench b;
  const auto p = made(R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 0}],
                          "outbounds": [{"protocol": "mux.pro",
                                         "settings": {"address": "nx.invalid", "port": 1}}]})");
  const std::uint16_t port = port_of(p->listening()[0]);
  p->start();
  tcp::socket s(b.io);
  s.connect({make_address("127.0.0.1"), port});
  asio::write(s, asio::buffer("\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x01"s));
  std::array<char, 2> method;
  asio::read(s, asio::buffer(method));
}

TEST_CASE("configured proxy: what is sniffed decides, and the status page counts", "[proxy][configured]") {
  bench b;
  const auto p = made(
      R"({"inbounds": [{"tag": "in", "protocol": "mixed", "listen": "127.0.0.1", "port": 0,
                        "sniffing": {"enabled": true, "destOverride": ["http"]}}],
          "outbounds": [{"tag": "direct", "protocol": "freedom"}, {"tag": "no", "protocol": "blackhole"}],
          "routing": {"rules": [{"domain": "full:ads.example", "outboundTag": "no"}]},
          "stats": {}, "metrics": {"listen": "127.0.0.1:0"}})");
  REQUIRE(p->listening().size() == 2);
  p->start();
  const std::uint16_t in = port_of(p->listening()[0]), status = port_of(p->listening()[1]);
  const std::string good = "GET / HTTP/1.1\r\nHost: good.example\r\n\r\n";
  const std::string bad = "GET / HTTP/1.1\r\nHost: ads.example\r\n\r\n";
  CHECK(b.by_tcp(in, b.port(), good) == good);
  CHECK(b.by_tcp(in, b.port(), bad) != bad);
  tcp::socket s(b.io);
  s.connect({make_address("127.0.0.1"), status});
  asio::write(s, asio::buffer("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"s));
  std::string said;
  std::error_code ec;
  asio::read(s, asio::dynamic_buffer(said), ec);
  CHECK(said.find("muxpro_connections_total{kind=\"outbound\",name=\"no\"} 1\n") != std::string::npos);
  CHECK(said.find("muxpro_connections_total{kind=\"inbound\",name=\"in\"} 2\n") != std::string::npos);
  finish(*p);
}
