// What the source in an accepted PROXY header is used for: the header that freedom sends, and limits.
#include "configured.hpp"

#include <asio/write.hpp>

#include <chrono>

namespace {

using namespace configured_test;

const std::string line = "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n";

asio::awaitable<std::string> first_bytes(tcp::acceptor& at, std::size_t n) {
  tcp::socket s = co_await at.async_accept(asio::use_awaitable);
  std::string out(n, ' ');
  const auto [error, got] = co_await asio::async_read(s, asio::buffer(out), as_result);
  out.resize(got);
  co_return out;
}

asio::awaitable<void> send_by(tcp::socket& s, tcp::endpoint proxy, std::string said) {
  co_await s.async_connect(proxy, asio::use_awaitable);
  co_await asio::async_write(s, asio::buffer(said), as_result);
}

}  // namespace

TEST_CASE("proxied sources: freedom names the client to its target", "[proxy][proxy_header]") {
  bench b;
  auto p = made(R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 0}],
      "outbounds": [{"protocol": "freedom", "settings": {"allowPrivate": true, "proxyProtocol": 1}}]})");
  p->start();
  tcp::acceptor web(b.io, {make_address("127.0.0.1"), 0});
  const std::uint16_t port = web.local_endpoint().port();
  tcp::socket s(b.io);
  const std::string said = "\x05\x01\x00"s + to_port(port) + "hello";
  asio::co_spawn(b.io, send_by(s, {make_address("127.0.0.1"), port_of(p->listening()[0])}, said),
                 asio::detached);
  const std::string begin = "PROXY TCP4 127.0.0.1 127.0.0.1 ";
  const std::string got = test::run(b.io, first_bytes(web, begin.size()));
  CHECK(got == begin);
  s.close();
  finish(p);
}

namespace {

/// What the target of freedom gets first with this proxyProtocol, from a client whose own connection begins
/// with `header`.
std::string named_by_freedom(int version, const std::string& header, std::size_t size) {
  bench b;
  auto p = made(fmt::format(
      R"({{"inbounds": [{{"protocol": "socks", "listen": "127.0.0.1", "port": 0, "streamSettings": {{"sockopt": {{
             "acceptProxyProtocol": true, "trustedProxies": ["127.0.0.1"]}}}}}}],
           "outbounds": [{{"protocol": "freedom", "settings": {{"allowPrivate": true, "proxyProtocol": {}}}}}]}})",
      version));
  p->start();
  tcp::acceptor web(b.io, {make_address("127.0.0.1"), 0});
  tcp::socket s(b.io);
  const std::string said = header + "\x05\x01\x00"s + to_port(web.local_endpoint().port()) + "hello";
  asio::co_spawn(b.io, send_by(s, {make_address("127.0.0.1"), port_of(p->listening()[0])}, said),
                 asio::detached);
  std::string got = test::run(b.io, first_bytes(web, size));
  s.close();
  finish(p);
  return got;
}

const std::string also_trusts = R"("acceptProxyProtocol": true, "trustedProxies": ["127.0.0.1"])";

std::string header_of(const std::string& source) {
  return "PROXY TCP4 " + source + " 192.0.2.9 1000 443\r\n";
}

/// Whether a proxy has closed the connection at once, behind a header.
bool is_closed(tcp::socket& s, std::uint16_t port, const std::string& source) {
  s.connect({make_address("127.0.0.1"), port});
  asio::write(s, asio::buffer(header_of(source)));
  bool closed = false;
  char byte = 0;
  s.async_read_some(asio::buffer(&byte, 1), [&](std::error_code ec, std::size_t) {
    closed = ec && ec != asio::error::operation_aborted;
  });
  auto& io = static_cast<asio::io_context&>(s.get_executor().context());
  io.restart();
  io.run_for(std::chrono::milliseconds(300));
  s.cancel();
  io.restart();
  io.run();
  return closed;
}

}  // namespace

TEST_CASE("proxied sources: freedom names the client of an accepted header, in both versions",
          "[proxy][proxy_header]") {
  // The other end is the one that the header names, or the target.
  const std::string text = "PROXY TCP4 192.0.2.1 ";
  CHECK(named_by_freedom(1, line, text.size()) == text);
  const std::string binary = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\1"s;
  CHECK(named_by_freedom(2, line, binary.size()) == binary);
  // Behind 16 bytes and two addresses of 4 there is the port.
  CHECK(named_by_freedom(2, line, 28 + 5).substr(24, 2) == "\xdc\x04");
  CHECK(named_by_freedom(2, line, 28 + 5).substr(28) == "hello");
}

TEST_CASE("proxied sources: limits of a source count that of the header", "[proxy][proxy_header]") {
  auto p = made(
      R"({"inbounds": [{"protocol": "mux.pro", "listen": "127.0.0.1", "port": 0, "settings": {"maxPerSource": 1},
      "streamSettings": {"sockopt": {)" +
      also_trusts + R"(}}}], "outbounds": [{"protocol": "freedom"}]})");
  p->start();
  const std::uint16_t port = port_of(p->listening()[0]);
  {
    asio::io_context io;
    tcp::socket first(io), second(io), of_other(io);
    CHECK_FALSE(is_closed(first, port, "192.0.2.1"));
    CHECK(is_closed(second, port, "192.0.2.1"));
    CHECK_FALSE(is_closed(of_other, port, "192.0.2.2"));
  }
  finish(p);
}
