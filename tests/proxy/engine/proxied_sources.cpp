// Proxies in front of a listener: the PROXY protocol, and X-Forwarded-For of a carrier.
#include "configured.hpp"
#include "kept_lines.hpp"

#include "proxy/transport/http2_pool.hpp"

#include <muxpro/proxy/transport_dialer.hpp>

namespace {

using namespace configured_test;

std::string socks_server(const std::string& sockopt, const std::string& carrier = "") {
  return R"({"inbounds": [{"tag": "in", "protocol": "socks", "listen": "127.0.0.1", "port": 0,
             "streamSettings": {)" +
         carrier + R"("sockopt": {)" + sockopt +
         R"(}}}], "outbounds": [{"protocol": "freedom", "settings": {"allowPrivate": true}}]})";
}

/// A server, and what clients get whose connections begin with `header`.
struct proxied : bench {
  explicit proxied(const std::string& configuration) : server(made(configuration, lines.sink())) {
    server->start();
  }
  ~proxied() { finish(server); }

  asio::awaitable<std::string> talk(std::string header) {
    tcp::socket s(io);
    co_await s.async_connect({make_address("127.0.0.1"), port_of(server->listening()[0])},
                             asio::use_awaitable);
    const std::string said = header + "\x05\x01\x00"s + to_port(port()) + "hello";
    co_await asio::async_write(s, asio::buffer(said), as_result);
    std::string heard(2 + 10 + 5, ' ');
    const auto [error, n] = co_await asio::async_read(s, asio::buffer(heard), as_result);
    // The echo ends with it: a proxy that drains would wait for one that does not.
    std::error_code gone;
    s.shutdown(tcp::socket::shutdown_send, gone);
    std::string rest;
    co_await asio::async_read(s, asio::dynamic_buffer(rest), as_result);
    co_return error ? "cut" : heard.substr(12);
  }
  std::string ask(const std::string& header) { return test::run(io, talk(header)); }
  bool logged(const std::string& part) {
    finish(server);
    server = made(socks_server(""), [](log_level, std::string_view) {});
    server->start();
    return lines.has(part);
  }

  test::kept_lines lines;
  std::unique_ptr<configured_proxy> server;
};

const std::string accepts = R"("acceptProxyProtocol": true)",
                  line = "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n";

}  // namespace

TEST_CASE("proxied sources: a header names the client", "[proxy][proxy_header]") {
  proxied p(socks_server(accepts));
  CHECK(p.ask(line) == "hello");
  CHECK(p.logged(" 192.0.2.1:56324 in -> "));
}

TEST_CASE("proxied sources: a header of version 2, and one of the proxy itself", "[proxy][proxy_header]") {
  const std::string begin = "\r\n\r\n\0\r\nQUIT\n"s;
  proxied p(socks_server(accepts));
  CHECK(p.ask(begin + "\x20\0\0\0"s) == "hello");
  CHECK(p.ask(begin + "\x21\x11\0\x0c\xc0\0\2\7\xc0\0\2\2\0\7\1\xbb"s) == "hello");
  CHECK(p.logged(" 192.0.2.7:7 in -> "));
  CHECK(p.lines.has(" 127.0.0.1:"));
}

TEST_CASE("proxied sources: what has no header is closed", "[proxy][proxy_header]") {
  proxied p(socks_server(accepts));
  CHECK(p.ask("") == "cut");
  CHECK(p.ask("PROXY TCP4 192.0.2.1\r\n") == "cut");
  CHECK(p.ask(line) == "hello");
}

TEST_CASE("proxied sources: only of trusted proxies", "[proxy][proxy_header]") {
  CHECK(proxied(socks_server(accepts)).ask(line) == "hello");  // this machine's
  CHECK(proxied(socks_server(accepts + R"(, "trustedProxies": ["127.0.0.0/8"])")).ask(line) == "hello");
  CHECK(proxied(socks_server(accepts + R"(, "trustedProxies": ["10.0.0.0/8"])")).ask(line) == "cut");
}

TEST_CASE("proxied sources: a fallback's header reaches an inbound of WebSocket", "[proxy][proxy_header]") {
  const std::string vless = R"("settings": {"decryption": "none", "clients": [{"id": "alice"}])";
  const std::string freedom =
      R"("outbounds": [{"protocol": "freedom", "settings": {"allowPrivate": true}}]})";
  for (const char* const version : {"1", "2"}) {
    bench b;
    test::kept_lines lines;
    const auto inner =
        made(R"({"inbounds": [{"tag": "ws", "protocol": "vless", "listen": "127.0.0.1", "port": 0, )" +
                 vless + R"(}, "streamSettings": {"network": "ws", "wsSettings": {"path": "/chat",
                                "acceptProxyProtocol": true}}}], )" +
                 freedom,
             lines.sink());
    const auto outer = made(
        R"({"inbounds": [{"tag": "in", "protocol": "vless", "listen": "127.0.0.1", "port": 0, )" + vless +
        fmt::format(R"(, "fallbacks": [{{"path": "/chat", "dest": {}, "xver": {}}}]}}}}], )",
                    port_of(inner->listening()[0]), version) +
        freedom);
    const auto client = made(fmt::format(
        R"({{"inbounds": [{{"protocol": "socks", "listen": "127.0.0.1", "port": 0}}],
             "outbounds": [{{"protocol": "vless", "settings": {{"address": "127.0.0.1", "port": {}, "id": "alice",
               "encryption": "none"}}, "streamSettings": {{"network": "ws", "wsSettings": {{"path": "/chat"}}}}}}]}})",
        port_of(outer->listening()[0])));
    for (const auto* p : {&inner, &outer, &client}) (*p)->start();
    CHECK(b.by_tcp(port_of(client->listening()[0]), b.port()) == "hello");
    for (const auto* p : {&client, &outer, &inner}) finish(**p);
    CHECK(lines.has(" ws "));
  }
}

namespace {

const std::string also_trusts = R"("acceptProxyProtocol": true, "trustedProxies": ["127.0.0.1"])";

std::string header_of(const std::string& source) {
  return "PROXY TCP4 " + source + " 192.0.2.9 1000 443\r\n";
}

}  // namespace

TEST_CASE("proxied sources: a rule's source is the one of the header", "[proxy][proxy_header]") {
  proxied p(
      R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 0, "streamSettings": {"sockopt": {)" +
      also_trusts + R"(}}}], "outbounds": [
      {"tag": "direct", "protocol": "freedom", "settings": {"allowPrivate": true}}, {"tag": "none", "protocol": "blackhole"}],
      "routing": {"rules": [{"source": ["192.0.2.0/24"], "outboundTag": "none"},
                            {"source": ["127.0.0.1"], "outboundTag": "none"}]}})");
  CHECK(p.ask(header_of("192.0.2.1")) != "hello");
  CHECK(p.ask(header_of("198.51.100.1")) == "hello");
  CHECK(p.ask("PROXY UNKNOWN\r\n") != "hello");
}

TEST_CASE("proxied sources: a unix socket's clients have the source of the header", "[proxy][proxy_header]") {
  const test::directory at;
  const std::string path = at / "s";
  proxied p(R"({"inbounds": [{"tag": "in", "protocol": "socks", "listen": ")" + path +
            R"(", "streamSettings": {"sockopt": {"acceptProxyProtocol": true}}}],
      "outbounds": [{"protocol": "freedom", "settings": {"allowPrivate": true}}]})");
  using local = asio::local::stream_protocol;
  const auto talk = [&](std::string header) -> asio::awaitable<std::string> {
    local::socket s(p.io);
    co_await s.async_connect(local::endpoint(path), asio::use_awaitable);
    const std::string said = header + "\x05\x01\x00"s + to_port(p.port()) + "hello";
    co_await asio::async_write(s, asio::buffer(said), as_result);
    std::string heard(2 + 10 + 5, ' ');
    const auto [error, n] = co_await asio::async_read(s, asio::buffer(heard), as_result);
    co_return error ? "cut" : heard.substr(12);
  };
  CHECK(test::run(p.io, talk(header_of("192.0.2.1"))) == "hello");
  CHECK(test::run(p.io, talk("")) == "cut");
  CHECK(p.logged(" 192.0.2.1:1000 in -> "));
}

namespace {

const std::string trusts = R"("trustedXForwardedFor": ["X-Real"])";

/// A message of gRPC with less than 126 bytes of payload.
std::string grpc_message(const std::string& payload) {
  const char size = static_cast<char>(payload.size());
  return "\0\0\0\0"s + static_cast<char>(size + 2) + "\x0a" + size + payload;
}

/// A call of gRPC with the fields `more`. Returns whether an echo behind the SOCKS server has answered.
asio::awaitable<bool> call(std::uint16_t server, std::uint16_t target, http2_head more) {
  transport_dialer dialer(stream_address(host_port("127.0.0.1", server)), transport_options());
  std::error_code ec;
  const auto client = start_http2_client(co_await dialer.dial(ec), http2_options());
  http2_head head{{":method", "POST"},
                  {":scheme", "http"},
                  {":path", "/mux/Tun"},
                  {":authority", "a"},
                  {"content-type", "application/grpc"}};
  for (const auto& [name, value] : more.fields()) head.add(name, value);
  const auto c = make_connection(client->request(head, std::make_unique<http2_body>()));
  const std::string said = grpc_message("\x05\x01\x00"s + to_port(target) + "hello");
  co_await c->write(asio::buffer(said), ec);
  std::string heard;
  std::array<char, 100> room;
  while (!ec && heard.find("hello") == std::string::npos) {
    const std::size_t n = co_await c->read_some(asio::buffer(room), ec);
    heard.append(room.data(), n);
  }
  client->cut();
  co_return !ec;
}

bool grpc_source_is_logged(const std::string& sockopt, const http2_head& fields) {
  proxied p(socks_server(sockopt, R"("network": "grpc", "grpcSettings": {"serviceName": "mux"}, )"));
  CHECK(test::run(p.io, call(port_of(p.server->listening()[0]), p.port(), fields)));
  return p.logged(" 192.0.2.7 in -> ");
}

bool xhttp_source_is_logged(const std::string& sockopt, const std::string& mode, const std::string& fields) {
  proxied p(socks_server(sockopt, R"("network": "xhttp", "xhttpSettings": {"path": "/up"}, )"));
  auto client = made(fmt::format(
      R"({{"inbounds": [{{"protocol": "socks", "listen": "127.0.0.1", "port": 0}}], "outbounds": [
           {{"protocol": "socks", "settings": {{"address": "127.0.0.1", "port": {}}}, "streamSettings": {{
             "network": "xhttp", "xhttpSettings": {{"path": "/up", "mode": "{}", "headers": {{{}}}}}}}}}]}})",
      port_of(p.server->listening()[0]), mode, fields));
  client->start();
  CHECK(p.by_tcp(port_of(client->listening()[0]), p.port()) == "hello");
  finish(client);
  return p.logged(" 192.0.2.7 in -> ");
}

}  // namespace

TEST_CASE("proxied sources: X-Forwarded-For of a call of gRPC", "[proxy][proxy_header][grpc]") {
  const http2_head::field forwarded{"x-forwarded-for", "192.0.2.7, 10.0.0.1"}, real{"x-real", "1"};
  CHECK(grpc_source_is_logged(trusts, {real, forwarded}));
  CHECK_FALSE(grpc_source_is_logged(trusts, {forwarded}));
  CHECK_FALSE(grpc_source_is_logged("", {real, forwarded}));
}

TEST_CASE("proxied sources: X-Forwarded-For of a request of XHTTP", "[proxy][proxy_header][xhttp]") {
  const std::string forwarded = R"("X-Forwarded-For": "192.0.2.7, 10.0.0.1")",
                    both = R"("X-Real": "1", )" + forwarded;
  for (const char* const mode : {"packet-up", "stream-up", "stream-one"}) {
    INFO(mode);
    CHECK(xhttp_source_is_logged(trusts, mode, both));
  }
  CHECK_FALSE(xhttp_source_is_logged(trusts, "stream-one", forwarded));
  CHECK_FALSE(xhttp_source_is_logged("", "stream-one", both));
}
