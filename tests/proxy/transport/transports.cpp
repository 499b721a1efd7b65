// Sockets of either kind as listeners and dialers have them, transports by their names, and a server behind
// them.
#include "catch.hpp"
#include "certificates.hpp"
#include "kept_lines.hpp"
#include "server_engine.hpp"
#include "silent_listener.hpp"
#include "support.hpp"
#include "word_through.hpp"

#include "proxy/dial/connect_operation.hpp"
#include "proxy/transport/tls.hpp"

#include <muxpro/pipe.hpp>
#include <muxpro/proxy/registry.hpp>
#include <muxpro/proxy/transport_dialer.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/read.hpp>
#include <asio/read_until.hpp>
#include <asio/write.hpp>

#include <netinet/tcp.h>

#include <fstream>
#include <memory>
#include <string>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace std::chrono_literals;
using asio::ip::make_address;
using asio::ip::tcp;
using test::as_result;

int option(int socket, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  ::getsockopt(socket, level, name, &value, &size);
  return value;
}

asio::awaitable<void> echo_once(tcp::acceptor& at) {
  tcp::socket s = co_await at.async_accept(asio::use_awaitable);
  std::array<char, 5> room;
  co_await asio::async_read(s, asio::buffer(room), asio::use_awaitable);
  co_await asio::async_write(s, asio::buffer(room), asio::use_awaitable);
}

/// A server, and a target that sends one line back.
struct fixture {
  explicit fixture(const test::server_limits& o = {}) : server(o, 1, lines.sink()) {}
  std::string ask(std::shared_ptr<transport_dialer> way) {
    asio::co_spawn(io, echo_once(target), asio::detached);
    return test::run(io,
                     test::word_through(*way, {network::tcp, "127.0.0.1", target.local_endpoint().port()}));
  }
  void end() {
    server.drain();
    server.wait();
  }

  test::kept_lines lines;
  asio::io_context io;
  tcp::acceptor target{io, {make_address("127.0.0.1"), 0}};
  test::server_engine server;
};

transport_options by_tls(role side, tls_options o) {
  return transport_options(std::make_shared<const tls_transport>(side, std::move(o)));
}

/// The line of the host in the first request of a client.
std::string host_line(const std::string& carrier, const std::string& server) {
  config_mistakes mistakes;
  transport_factory plan;
  setting::object keys;
  if (carrier == "xhttp") keys = {{"mode", setting(std::string("stream-one"))}};  // one request alone
  settings::read(setting(keys), "", mistakes, [&](settings& s) {
    plan = registry::global().carriers.find(carrier)->read(s, role::client, server);
  });
  asio::io_context io;
  auto [near, far] = make_pipe(io.get_executor());
  const std::shared_ptr<connection> below = make_connection(std::move(near));
  const auto layer = plan.make();
  std::error_code ec;
  bool ended = false;
  const auto opened = [&below](std::error_code&) -> asio::awaitable<std::shared_ptr<connection>> {
    co_return below;
  };
  std::shared_ptr<connection> client;  // XHTTP's is there before the answer
  asio::co_spawn(io, layer->dial(opened, ec), [&](std::exception_ptr, std::shared_ptr<connection> made) {
    client = std::move(made);
    ended = true;
  });
  std::string head;
  test::run(io, asio::async_read_until(far, asio::dynamic_buffer(head), "\r\n\r\n", asio::use_awaitable));
  below->cut();
  test::run_until(io, [&] { return ended; });
  const std::size_t at = head.find("Host: ");
  return at == std::string::npos ? head : head.substr(at, head.find('\r', at) - at);
}

}  // namespace

TEST_CASE("transports: a server on TCP, on a unix socket, on TLS over either", "[proxy][transport]") {
  const test::certificates known;
  tls_options server_side, client_side;
  server_side.certificate = known.server.certificate_file;
  server_side.key = known.server.key_file;
  server_side.authority = client_side.authority = known.ca.certificate_file;
  client_side.name = "server.example";
  client_side.certificate = known.alice.certificate_file;
  client_side.key = known.alice.key_file;
  const auto tls_server = by_tls(role::server, server_side), tls_client = by_tls(role::client, client_side);

  fixture f;
  const std::string path = known.at / "s", tls_path = known.at / "t";
  const tcp::endpoint loopback(make_address("127.0.0.1"), 0);
  const auto plain = f.server.listen(stream_endpoint(loopback)),
             secure = f.server.listen(stream_endpoint(loopback), tls_server);
  f.server.listen(unix_endpoint(path));
  f.server.listen(unix_endpoint(tls_path), tls_server);
  f.server.start();
  const auto way = [&](const std::string& to, const transport_options& how) {
    return std::make_shared<transport_dialer>(*stream_address::parse(to), how);
  };
  CHECK(f.ask(way(to_string(plain), {})) == "hello");
  CHECK(f.ask(way(to_string(secure), tls_client)) == "hello");
  CHECK(f.ask(way("unix:" + path, {})) == "hello");
  CHECK(f.ask(way("unix:" + tls_path, tls_client)) == "hello");
  CHECK(f.ask(way(to_string(secure), {})) != "hello");
  CHECK(f.ask(way(to_string(plain), tls_client)) != "hello");
  CHECK(f.ask(way("unix:" + (known.at / "nobody"), {})) == "No such file or directory");
  f.end();
  CHECK(f.lines.has(" 127.0.0.1 server: no connection: "));
}

TEST_CASE("transports: a client in a handshake takes a place, and does not hold up a drain",
          "[proxy][transport]") {
  const test::certificates known;
  tls_options o;
  o.certificate = known.server.certificate_file;
  o.key = known.server.key_file;
  o.handshake = 100ms;
  test::server_limits limits;
  limits.inbound.max_unnegotiated_per_source = 2;
  fixture f(limits);
  const auto at = f.server.listen(tcp::endpoint(make_address("127.0.0.1"), 0), by_tls(role::server, o));
  f.server.start();
  std::vector<tcp::socket> silent;
  for (int i = 0; i < 3; ++i) silent.emplace_back(f.io).connect(at);
  char none;
  std::error_code ec;
  silent[2].read_some(asio::buffer(&none, 1), ec);
  CHECK(ec);  // at once: there was no place
  CHECK(f.server.unnegotiated() == 2);
  f.end();  // returns after the handshakes' own limit
  CHECK(f.server.unnegotiated() == 0);
}

TEST_CASE("transports: the path of a unix socket is taken and left in order", "[proxy][transport]") {
  const test::directory at;
  const std::string path = at / "s";
  const auto exists = [&] { return std::filesystem::exists(std::filesystem::symlink_status(path)); };
  {
    fixture f;
    f.server.listen(unix_endpoint(path));
    CHECK(exists());
    fixture second;
    CHECK_THROWS_AS(second.server.listen(unix_endpoint(path)), std::system_error);
    CHECK(exists());
  }
  CHECK_FALSE(exists());
  {
    // Left behind by a killed process.
    asio::io_context io;
    asio::local::stream_protocol::acceptor gone(io, asio::local::stream_protocol::endpoint(path));
  }
  CHECK(exists());
  {
    fixture f;
    f.server.listen(unix_endpoint(path));
  }
  CHECK_FALSE(exists());
  std::ofstream(path) << "a file that somebody needs";
  {
    fixture f;
    CHECK_THROWS_AS(f.server.listen(unix_endpoint(path)), std::system_error);
  }
  CHECK(exists());
}

TEST_CASE("transports: options of sockets are set where the system has them", "[proxy][transport]") {
  asio::io_context io;
  tcp::acceptor target(io, {make_address("127.0.0.1"), 0});
  tcp::socket s(io, tcp::v4());
  socket_options o = keepalive_socket();
  o.fast_open = true;
  o.user_timeout = 1500ms;
  CHECK(o.validate().empty());
  set_options(s.native_handle(), o);
  CHECK(option(s.native_handle(), IPPROTO_TCP, TCP_NODELAY) == 1);
  CHECK(option(s.native_handle(), SOL_SOCKET, SO_KEEPALIVE) == 1);
  CHECK(option(s.native_handle(), IPPROTO_TCP, TCP_KEEPIDLE) == 45);
  CHECK(option(s.native_handle(), IPPROTO_TCP, TCP_KEEPINTVL) == 15);
  CHECK(option(s.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT) == 1500);
  CHECK(option(s.native_handle(), IPPROTO_TCP, TCP_FASTOPEN_CONNECT) == 1);
  s.connect(target.local_endpoint());

  tcp::socket untouched(io, tcp::v4());
  socket_options nothing;
  nothing.no_delay = false;
  set_options(untouched.native_handle(), nothing);
  CHECK(option(untouched.native_handle(), IPPROTO_TCP, TCP_NODELAY) == 0);
  CHECK(option(untouched.native_handle(), SOL_SOCKET, SO_KEEPALIVE) == 0);

  asio::local::stream_protocol::socket local(io);
  local.open();
  set_options(local.native_handle(), o);
  o.user_timeout = -1s;
  CHECK_FALSE(o.validate().empty());
}

TEST_CASE("transports: data goes with the SYN, or after it where the kernel does not", "[proxy][transport]") {
  fixture f;
  transport_options how;
  how.socket.fast_open = true;
  const auto at = f.server.listen(tcp::endpoint(make_address("127.0.0.1"), 0), how);
  f.server.start();
  const stream_address to(host_port("127.0.0.1", at.port()));
  for (int i = 0; i < 3; ++i) CHECK(f.ask(std::make_shared<transport_dialer>(to, how)) == "hello");
  f.end();
}

TEST_CASE("transports: a dial that takes too long, or is refused, reports it", "[proxy][transport]") {
  asio::io_context io;
  silent_listener silent(io);
  dial_options limits;
  limits.timeout = 30ms;
  const auto outcome = [&](std::uint16_t port) {
    transport_dialer way(stream_address(host_port("127.0.0.1", port)), {}, limits);
    std::error_code ec;
    const auto c = test::run(io, way.dial(ec));
    CHECK_FALSE(c);
    return ec;
  };
  CHECK(outcome(silent.acceptor.local_endpoint().port()) == errc::target_timeout);
  tcp::acceptor closed(io, {make_address("127.0.0.1"), 0});
  const std::uint16_t port = closed.local_endpoint().port();
  closed.close();
  CHECK(outcome(port) == errc::target_unreachable);
}

TEST_CASE("transports: places are read as users write them", "[proxy][transport]") {
  const auto read = [](std::string_view text) {
    const auto a = stream_address::parse(text);
    return a ? to_string(*a) : "no";
  };
  CHECK(read("127.0.0.1:80") == "127.0.0.1:80");
  CHECK(read("[::1]:80") == "[::1]:80");
  CHECK(read("example.com:0") == "example.com:0");
  CHECK(read("unix:/run/s") == "unix:/run/s");
  for (const char* bad : {"", ":", ":80", "host", "host:", "host:65536", "host:-1", "host:80x", "::1:80",
                          "[::1:80", "ho st:80", "unix:", "[]:80", "[host]:80"})
    CHECK(read(bad) == "no");
  CHECK(read("unix:" + std::string(108, 'x')) == "no");
  CHECK(read(std::string("unix:a\0b", 8)) == "no");
  CHECK(read("unix:" + std::string(107, 'x')) == "unix:" + std::string(107, 'x'));
}

TEST_CASE("transports: each is found by its name", "[proxy][transport]") {
  registry& all = registry::global();
  for (const char* name : {"tcp", "unix"}) CHECK(all.carriers.find(name) != nullptr);
  for (const char* name : {"tls", "TLS"}) CHECK(all.securities.find(name) != nullptr);
  CHECK_FALSE(all.securities.add("tls", "", {}));
  CHECK(all.carriers.find("obfs") == nullptr);

  config_mistakes mistakes;
  transport_factory plan;
  setting::object certificate{{"certificateFile", setting(std::string("a.pem"))},
                              {"keyFile", setting(std::string("a.key"))}};
  setting::object tls{{"certificates", setting(setting::list{setting(certificate)})}};
  settings::read(setting(tls), "tlsSettings", mistakes,
                 [&](settings& s) { plan = all.securities.find("tls")->read(s, role::server, ""); });
  CHECK(mistakes.empty());
  CHECK_FALSE(plan.authenticates);
  CHECK_THROWS_WITH(plan.make(), Catch::Matchers::ContainsSubstring("a.pem"));
}

TEST_CASE("transports: a request asks for the server's host, and an IPv6 address has brackets",
          "[proxy][transport][websocket][xhttp]") {
  for (const char* carrier : {"ws", "httpupgrade", "xhttp"}) {
    INFO(carrier);
    CHECK(host_line(carrier, "server.example") == "Host: server.example");
    CHECK(host_line(carrier, "192.0.2.1") == "Host: 192.0.2.1");
    CHECK(host_line(carrier, "2001:db8::1") == "Host: [2001:db8::1]");
    CHECK(host_line(carrier, "[2001:db8::1]") == "Host: [2001:db8::1]");
    CHECK(host_line(carrier, "") == "Host: localhost");
  }
}
