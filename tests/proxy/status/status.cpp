// The status of a proxy while it works: counters, metrics, the page.
#include "catch.hpp"
#include "support.hpp"

#include "proxy/inbound/socks.hpp"
#include "proxy/inbound/status.hpp"

#include <muxpro/proxy/instance.hpp>
#include "proxy/engine/stats.hpp"

#include <asio/connect.hpp>
#include <asio/read.hpp>
#include <asio/read_until.hpp>
#include <asio/write.hpp>

#include <array>
#include <memory>
#include <string>
#include <thread>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using asio::ip::tcp;
using test::as_result;

/// An echo.
class parrot final : public outbound {
 public:
  asio::awaitable<connection_result> carry(const context&, client& c) override {
    const counted here(*this);
    connection_result result;
    co_await c.answer({}, result.why);
    std::array<char, 100> room;
    for (std::error_code ec; !ec;) {
      const std::size_t n = co_await c.read_some(asio::buffer(room), ec);
      if (!ec) co_await c.write(asio::buffer(room.data(), n), ec);
    }
    co_return result;
  }
};

struct watched {
  watched()
      : proxy(
            instance_options(), 2,
            [](dispatcher& d, asio::io_context&) { d.add("parrot", std::make_shared<parrot>()); },
            [](log_level, std::string_view) {}) {
    const tcp::endpoint any(asio::ip::address_v4::loopback(), 0);
    socks = proxy.listen(any, "in", std::make_shared<socks_inbound>(socks_inbound_options()));
    auto report = [this](std::size_t connections) { return proxy.report(connections); };
    status = proxy.listen(any, "status", std::make_shared<status_inbound>(std::move(report)));
    proxy.start();
  }

  std::string ask(const std::string& request) {
    tcp::socket s(io);
    s.connect(status);
    asio::write(s, asio::buffer(request));
    std::string heard;
    std::error_code ec;
    asio::read(s, asio::dynamic_buffer(heard), ec);
    return heard;
  }
  std::string get(const std::string& path) {
    return ask("GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n");
  }

  asio::io_context io;
  instance proxy;
  tcp::endpoint socks, status;
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("stats: counters have Xray's names", "[proxy][stats]") {
  CHECK(counter_name(stats::kind::inbound, "socks", true) == "inbound>>>socks>>>traffic>>>uplink");
  CHECK(counter_name(stats::kind::user, "alice", false) == "user>>>alice>>>traffic>>>downlink");
  stats s;
  s.of(stats::kind::outbound, "b").up += 5;
  s.of(stats::kind::outbound, "b").up += 1;
  s.of(stats::kind::inbound, "b").live = 2;
  const auto rows = s.rows();
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].live == 2);
  CHECK(rows[1].up == 6);
}

TEST_CASE("status: a connection is seen while it lives, and counted after", "[proxy][stats]") {
  watched w;
  {
    tcp::socket s(w.io);
    s.connect(w.socks);
    const std::string hello(
        "\x05\x01\x00\x05\x01\x00\x03\x0b"
        "example.com\x01\xbb"
        "hello",
        26);
    asio::write(s, asio::buffer(hello));
    std::string heard(2 + 10 + 5, '\0');
    asio::read(s, asio::buffer(heard));
    const std::string status = w.get("/status.json");
    CHECK(has(status, "\"live\":1"));
    CHECK(has(status, "\"target\":\"tcp:example.com:443\""));
    CHECK(has(status, "\"up\":5,\"down\":5"));
    CHECK(has(status, "\"timers\":"));
    CHECK(has(status, "\"inbound>>>in>>>traffic>>>uplink\":5"));
    CHECK(w.proxy.load("parrot") == 1);
  }
  while (w.proxy.load("parrot") > 0) std::this_thread::yield();
  const std::string metrics = w.get("/metrics");
  CHECK(has(metrics, "# TYPE muxpro_traffic_bytes_total counter\n"));
  CHECK(has(metrics, "muxpro_traffic_bytes_total{kind=\"outbound\",name=\"parrot\",direction=\"down\"} 5\n"));
  CHECK(has(metrics, "\nmuxpro_timers "));
  CHECK(has(metrics, "\nmuxpro_dropped_datagrams_total 0\n"));
  CHECK(has(metrics, "\nmuxpro_sent_datagram_bytes_total 0\n"));
  CHECK(has(metrics, "\nmuxpro_received_datagram_bytes_total 0\n"));
  CHECK(has(metrics, "muxpro_connections{kind=\"inbound\",name=\"in\"} 0\n"));
  CHECK(has(metrics, "muxpro_connections_total{kind=\"inbound\",name=\"in\"} 1\n"));
}

TEST_CASE("status: /ready shows whether new connections are accepted", "[proxy][stats]") {
  watched w;
  CHECK(has(w.get("/ready"), "HTTP/1.1 200 "));
  tcp::socket s(w.io);
  s.connect(w.socks);
  asio::write(s, asio::buffer("\x05\x01\x00\x05\x01\x00\x01\x01\x02\x03\x04\x00\x50", 13));
  std::array<char, 12> room;
  asio::read(s, asio::buffer(room));
  w.proxy.drain();
  while (has(w.get("/ready"), "HTTP/1.1 200 ")) std::this_thread::yield();
  CHECK(has(w.get("/ready"), "HTTP/1.1 503 "));
}

TEST_CASE("status: other requests are refused in a sentence", "[proxy][stats]") {
  watched w;
  CHECK(has(w.get("/"), "<!doctype html>"));
  CHECK(has(w.get("/nothing"), "HTTP/1.1 404 "));
  CHECK(has(w.ask("POST / HTTP/1.1\r\nHost: localhost\r\n\r\n"), "HTTP/1.1 405 "));
  CHECK(has(w.ask("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), "HTTP/1.1 200 "));
  // A page of the web that had its own name point here.
  CHECK(has(w.ask("GET /status.json HTTP/1.1\r\nHost: evil.example\r\n\r\n"), "HTTP/1.1 403 "));
  CHECK(has(w.ask("GET /status.json HTTP/1.1\r\n\r\n"), "HTTP/1.1 403 "));
  CHECK(has(w.ask(std::string(10000, 'x')), "HTTP/1.1 431 "));
  CHECK(has(w.ask("GET / HTTP/1.1\nHost: localhost\n\n"), "HTTP/1.1 400 "));
}
