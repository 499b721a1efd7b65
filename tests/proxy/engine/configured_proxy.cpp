// A configuration that runs: listeners, rules, transports, and what is wrong only when it starts.
#include "certificates.hpp"
#include "configured.hpp"
#include "kept_lines.hpp"
#include "server_engine.hpp"

#include "proxy/transport/tls.hpp"

#include <asio/local/stream_protocol.hpp>

#include <array>
#include <atomic>
#include <memory>
#include <string>

namespace {

using namespace configured_test;

}  // namespace

TEST_CASE("configured proxy: listens, routes, reaches targets", "[proxy][configured]") {
  bench b;
  const std::string path = b.at / "s";
  auto p = made(fmt::format(
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
  CHECK(b.by_unix(path, 1) == "refused 5");    // no listener
  CHECK(b.by_tcp(port, port) == "refused 2");  // its own listener
  finish(p);
}

TEST_CASE("configured proxy: lines about connections go to the file of the access log",
          "[proxy][configured]") {
  bench b;
  const auto lines = [&](const std::string& log) {
    const auto heard = std::make_shared<std::atomic<int>>(0);
    geo_files none;
    configured_proxy p(config_of(fmt::format(R"({{"log": {{{}}},
        "inbounds": [{{"protocol": "socks", "listen": "127.0.0.1", "port": 0}}],
        "outbounds": [{{"protocol": "freedom"}}]}})",
                                             log)),
                       none, 1, [heard](log_level, std::string_view) { ++*heard; });
    p.start();
    CHECK(b.by_tcp(port_of(p.listening()[0]), b.port()) == "hello");
    finish(p);
    return heard->load();
  };
  CHECK(lines(R"("loglevel": "info")") == 1);
  CHECK(lines(R"("loglevel": "warning")") == 1);  // as in Xray
  CHECK(lines(R"("loglevel": "warning", "accessFormat": "muxpro")") == 0);
  CHECK(lines(R"("loglevel": "none")") == 0);
  CHECK(lines(R"("loglevel": "info", "access": "none")") == 0);
}

TEST_CASE("configured proxy: the log has why an outbound fails", "[proxy][configured]") {
  bench b;
  const auto lines = [&](const std::string& log) {
    const auto heard = std::make_shared<std::atomic<int>>(0);
    geo_files none;
    configured_proxy p(config_of(fmt::format(R"({{"log": {{{}}},
        "inbounds": [{{"protocol": "socks", "listen": "127.0.0.1", "port": 0}}],
        "outbounds": [{{"protocol": "socks", "settings": {{"address": "127.0.0.1", "port": 1}}}}]}})",
                                             log)),
                       none, 1, [heard](log_level, std::string_view line) {
                         if (line.find("unreachable") != std::string_view::npos) ++*heard;
                       });
    p.start();
    CHECK(b.by_tcp(port_of(p.listening()[0]), b.port()).find("refused") == 0);
    finish(p);
    return heard->load();
  };
  CHECK(lines(R"("loglevel": "info")") == 1);
  CHECK(lines(R"("loglevel": "info", "access": "none")") == 1);
  CHECK(lines(R"("loglevel": "info", "accessFormat": "muxpro")") == 1);
  CHECK(lines(R"("loglevel": "warning")") == 0);
}

TEST_CASE("configured proxy: a freedom that others reach dials nothing private", "[proxy][configured]") {
  bench b;
  const auto said = [&](const std::string& settings) {
    auto p = made(R"({"inbounds": [{"protocol": "socks", "listen": "0.0.0.0", "port": 0, "openToAll": true}],
                            "outbounds": [{"protocol": "freedom")" +
                  settings + "}]}");
    p->start();
    const std::string out = b.by_tcp(port_of(p->listening()[0]), b.port());
    finish(p);
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
  test::server_engine server;
  const auto at = server.listen(tcp::endpoint(make_address("127.0.0.1"), 0),
                                transport_options(std::make_shared<const tls_transport>(role::server, o)));
  server.start();
  const auto said = [&](const test::identity& who) {
    auto p = made(fmt::format(
        R"({{"inbounds": [{{"protocol": "socks", "listen": "127.0.0.1", "port": 0}}],
            "outbounds": [{{"protocol": "mux.pro", "settings": {{"address": "127.0.0.1", "port": {}}},
              "streamSettings": {{"security": "tls", "tlsSettings": {{"certificates": [
                {{"usage": "verify", "certificateFile": "{}"}},
                {{"certificateFile": "{}", "keyFile": "{}"}}]}}}}}}]}})",
        at.port(), known.ca.certificate_file, who.certificate_file, who.key_file));
    p->start();
    const std::string out = b.by_tcp(port_of(p->listening()[0]), b.port());
    finish(p);
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
  auto p = made(fmt::format(
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
  finish(p);
}

TEST_CASE("configured proxy: by way of a SOCKS server", "[proxy][configured]") {
  bench b;
  auto far = made(
      R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 0,
                        "settings": {"accounts": [{"user": "alice", "pass": "secret"}]}}],
          "outbounds": [{"protocol": "freedom"}]})");
  far->start();
  const auto said = [&](const std::string& secret) {
    auto near = made(fmt::format(
        R"({{"inbounds": [{{"protocol": "socks", "listen": "127.0.0.1", "port": 0}}],
            "outbounds": [{{"protocol": "socks", "settings": {{"servers": [
              {{"address": "127.0.0.1", "port": {}, "users": [{{"user": "alice", "pass": "{}"}}]}}]}}}}]}})",
        port_of(far->listening()[0]), secret));
    near->start();
    const std::string out = b.by_tcp(port_of(near->listening()[0]), b.port());
    finish(near);
    return out;
  };
  CHECK(said("secret") == "hello");
  CHECK(said("wrong") == "refused 2");
  finish(far);
}

namespace {

/// One that goes by way of the SOCKS server at `port`, with sub-streams.
std::unique_ptr<configured_proxy> multiplexed_by_way_of(std::uint16_t port) {
  return made(fmt::format(
      R"({{"inbounds": [{{"protocol": "socks", "listen": "127.0.0.1", "port": 0}}],
          "outbounds": [{{"protocol": "socks", "mux": {{"enabled": true, "maxConnections": 1}}, "settings":
            {{"servers": [{{"address": "127.0.0.1", "port": {}}}]}}}}]}})",
      port));
}

std::unique_ptr<configured_proxy> with_inbound(const std::string& protocol, const std::string& settings,
                                               log_sink access) {
  return made(
      fmt::format(R"({{"inbounds": [{{"protocol": "{}", "listen": "127.0.0.1", "port": 0, "settings": {}}}],
                              "outbounds": [{{"protocol": "freedom"}}], "log": {{"access": "x"}}}})",
                  protocol, settings),
      std::move(access));
}

}  // namespace

TEST_CASE("configured proxy: main connections by way of a SOCKS server that allows them",
          "[proxy][configured]") {
  bench b;
  const std::string protocol = GENERATE("socks", "mixed");
  test::kept_lines ended;
  auto far = with_inbound(protocol, R"({"mainConnections": true})", ended.sink());
  far->start();
  auto near = multiplexed_by_way_of(port_of(far->listening()[0]));
  near->start();
  for (int i = 0; i < 3; ++i) CHECK(b.by_tcp(port_of(near->listening()[0]), b.port()) == "hello");
  finish(near);
  finish(far);
  // The targets are its own business: no connection went to mux.pro.
  CHECK(ended.all().size() == 3);
  CHECK(ended.has(fmt::format("tcp:127.0.0.1:{}", b.port())));
  CHECK_FALSE(ended.has("mux.pro:9527"));
}

TEST_CASE("configured proxy: where they are not allowed, mux.pro is a host as any other",
          "[proxy][configured]") {
  bench b;
  auto far = made(R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 0}],
                            "outbounds": [{"protocol": "blackhole"}]})");
  far->start();
  auto near = multiplexed_by_way_of(port_of(far->listening()[0]));
  near->start();
  CHECK(b.by_tcp(port_of(near->listening()[0]), b.port()) != "hello");
  finish(near);
  finish(far);
}

TEST_CASE("configured proxy: a balancer passes over what cannot be connected", "[proxy][configured]") {
  bench b;
  tcp::acceptor nobody(b.io, {make_address("127.0.0.1"), 0});
  const std::uint16_t dead = nobody.local_endpoint().port();
  nobody.close();
  const std::string strategy = GENERATE("random", "leastLoad");
  auto p = made(fmt::format(
      R"({{"inbounds": [{{"protocol": "socks", "listen": "127.0.0.1", "port": 0}}],
          "outbounds": [{{"tag": "far", "protocol": "socks", "settings": {{"servers": [
                           {{"address": "127.0.0.1", "port": {}}}]}}}},
                        {{"tag": "direct", "protocol": "freedom"}}],
          "routing": {{"rules": [{{"network": "tcp", "balancerTag": "b"}}],
            "balancers": [{{"tag": "b", "selector": ["far"], "strategy": {{"type": "{}"}},
                            "fallbackTag": "direct"}}]}}}})",
      dead, strategy));
  p->start();
  const std::uint16_t in = port_of(p->listening()[0]);
  CHECK(b.by_tcp(in, b.port()) != "hello");  // the first dial detects it
  CHECK(b.by_tcp(in, b.port()) == "hello");
  finish(p);
}

TEST_CASE("configured proxy: dns resolves the name of a server if sockopt has a domainStrategy",
          "[proxy][configured]") {
  bench b;
  auto server = made(R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 0}],
                         "outbounds": [{"protocol": "freedom"}]})");
  server->start();
  const auto by_server = [&](const std::string& strategy) {
    auto p = made(fmt::format(R"({{"inbounds": [{{"protocol": "socks", "listen": "127.0.0.1", "port": 0}}],
        "outbounds": [{{"protocol": "socks", "settings": {{"address": "server.invalid", "port": {}}},
                        "streamSettings": {{"sockopt": {{"domainStrategy": "{}"}}}}}}],
        "dns": {{"hosts": {{"server.invalid": "127.0.0.1"}}}}}})",
                              port_of(server->listening()[0]), strategy));
    p->start();
    const std::string out = b.by_tcp(port_of(p->listening()[0]), b.port());
    finish(p);
    return out;
  };
  CHECK(by_server("UseIP") == "hello");
  CHECK(by_server("ForceIPv4") == "hello");
  CHECK(by_server("AsIs").find("refused") == 0);
  finish(server);
}

TEST_CASE("configured proxy: names in dns.hosts are answered without a query", "[proxy][configured]") {
  bench b;
  auto p = made(R"({"inbounds": [{"protocol": "http", "listen": "127.0.0.1", "port": 0}],
                          "outbounds": [{"protocol": "freedom"}],
                          "dns": {"hosts": {"here.invalid": "127.0.0.1"}}})");
  p->start();
  const std::string head = fmt::format("CONNECT here.invalid:{} HTTP/1.1\r\nHost: x\r\n\r\n", b.port());
  const tcp::endpoint at(make_address("127.0.0.1"), port_of(p->listening()[0]));
  const std::string heard = test::run(b.io, say(tcp::socket(b.io), at, head + "hello"));
  CHECK_THAT(heard, Catch::Matchers::StartsWith("HTTP/1.1 200"));
  CHECK_THAT(heard, Catch::Matchers::EndsWith("hello"));
  finish(p);
}

TEST_CASE("configured proxy: no client comes back to its listeners", "[proxy][configured]") {
  bench b;
  auto p = made(
      R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 0}],
          "outbounds": [{"protocol": "freedom", "settings": {"allowPrivate": true}}],
          "metrics": {"listen": "127.0.0.1:0"}})");
  p->start();
  const std::uint16_t door = port_of(p->listening()[0]), status = port_of(p->listening()[1]);
  CHECK(b.by_tcp(door, b.port()) == "hello");
  CHECK(b.by_tcp(door, door) == "refused 2");
  CHECK(b.by_tcp(door, status) == "refused 2");
  finish(p);
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
  auto p = made(R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 0}],
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
  auto p = made(
      R"({"inbounds": [{"tag": "in", "protocol": "mixed", "listen": "127.0.0.1", "port": 0,
                        "sniffing": {"enabled": true, "destOverride": ["http"], "routeOnly": true}}],
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
  finish(p);
}
