// Strangers at an inbound of VLESS or Trojan, whom another server serves.
#include "keyed.hpp"

#include <fmt/format.h>

namespace {

using namespace keyed_test;

fallback to_port(std::uint16_t port, unsigned proxy_header = 0) {
  fallback f;
  f.to.at = host_port("127.0.0.1", port);
  f.proxy_header = proxy_header;
  return f;
}

/// An inbound whose strangers go to `web`.
struct guarded {
  explicit guarded(const protocol& p, unsigned proxy_header = 0, std::string path = {}) {
    keyed_inbound_options o = p.inbound_options();
    fallback f = to_port(web.local_endpoint().port(), proxy_header);
    f.path = std::move(path);
    o.fallbacks = std::make_shared<const fallback_servers>(std::vector<fallback>{f}, relay_options());
    here = std::make_unique<standing>(std::make_shared<keyed_inbound>(o));
  }
  void run(std::function<awaitable<>(standing&, tcp::acceptor&)> work) {
    tcp::acceptor at(here->io, tcp::v4(), web.release());
    here->run([&](standing& x) { return work(x, at); });
  }

  asio::io_context unused;
  tcp::acceptor web{unused, {loopback, 0}};
  std::unique_ptr<standing> here;
};

const std::string request = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

awaitable<> serves_a_browser(standing& x, tcp::acceptor& web) {
  tcp::socket s = co_await x.connect();
  co_await write(s, request);
  {
    tcp::socket there = co_await web.async_accept(asio::use_awaitable);
    const std::string heard = co_await read(there, request.size());
    CHECK(heard == request);
    co_await write(there, "HTTP/1.1 200 OK\r\n\r\nhello");
  }
  const std::string answer = co_await read_all(s);
  CHECK(answer == "HTTP/1.1 200 OK\r\n\r\nhello|");
  co_await wait_for([&] {
    const std::vector<std::string> lines = x.log();
    return std::any_of(lines.begin(), lines.end(), [](const std::string& l) {
      return l.find("fallback 127.0.0.1:") != std::string::npos;
    });
  });
  for (const std::string& line : x.log()) CHECK(line.find("authentication failed") == std::string::npos);
}

awaitable<> names_the_client(standing& x, tcp::acceptor& web) {
  tcp::socket s = co_await x.connect();
  co_await write(s, request);
  tcp::socket there = co_await web.async_accept(asio::use_awaitable);
  const std::string header = fmt::format("PROXY TCP4 127.0.0.1 127.0.0.1 {} {}\r\n",
                                         s.local_endpoint().port(), s.remote_endpoint().port());
  const std::string heard = co_await read(there, header.size() + request.size());
  CHECK(heard == header + request);
}

// Other paths have no server.
awaitable<> closes_without_one(standing& x, tcp::acceptor&) {
  tcp::socket s = co_await x.connect();
  co_await write(s, request);
  const std::string heard = co_await read_all(s);
  CHECK(heard == "|");
}

awaitable<> cuts_without_its_server(standing& x, tcp::acceptor& web) {
  web.close();
  tcp::socket s = co_await x.connect();
  co_await write(s, request);
  const std::string heard = co_await read_all(s);
  CHECK(heard == "!");
}

awaitable<> serves_its_users(standing& x, protocol p) {
  tcp::socket s = co_await x.connect();
  co_await write(s, p.head(x.to_echo()) + "hello");
  const std::string heard = co_await read(s, p.response_text.size() + 5);
  CHECK(heard == p.response_text + "hello");
}

}  // namespace

TEST_CASE("fallback: a browser is served, and is no failed login", "[proxy][keyed][fallbacks]") {
  for (const protocol& p : both()) guarded(p).run(serves_a_browser);
}
TEST_CASE("fallback: the PROXY protocol's header comes first", "[proxy][keyed][fallbacks]") {
  guarded(of_vless(), 1).run(names_the_client);
}
TEST_CASE("fallback: a client without a server is closed", "[proxy][keyed][fallbacks]") {
  guarded(of_trojan(), 0, "/y").run(closes_without_one);
}
TEST_CASE("fallback: a server that is not there", "[proxy][keyed][fallbacks]") {
  guarded(of_trojan()).run(cuts_without_its_server);
}
TEST_CASE("fallback: users are served as ever", "[proxy][keyed][fallbacks]") {
  for (const protocol& p : both())
    guarded(p).run([&](standing& x, tcp::acceptor&) { return serves_its_users(x, p); });
}
