// The status of a server while it works.
#include "loopback.hpp"

#include <muxpro/session.hpp>

#include <string>
#include <string_view>

namespace {

using namespace loopback_test;

struct fixture : targets {
  fixture()
      : server({}, 2),
        at(server.listen(tcp::endpoint(loopback, 0))),
        status(to_tcp(server.listen_for_status(tcp::endpoint(loopback, 0)))) {
    server.start();
  }
  awaitable<session> connect() {
    session s = co_await dial_server(at, session_options());
    co_await s.async_handshake();
    s.async_run([](error_code) {});
    co_return s;
  }
  awaitable<std::string> get(std::string path, std::string host = "localhost") {
    tcp::socket s(io);
    co_await s.async_connect(status, asio::use_awaitable);
    co_await loopback_test::write(s, "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    co_return co_await read_all(s);
  }
  void run(std::function<awaitable<>(fixture&)> work) { targets::run<fixture>(*this, std::move(work)); }

  server_engine server;
  tcp::endpoint at, status;
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

int timers_of(const std::string& metrics) {
  constexpr std::string_view name = "\nmuxpro_timers ";
  const auto at = metrics.find(name);
  REQUIRE(at != std::string::npos);
  return std::stoi(metrics.substr(at + name.size()));
}

/// The timers that there are as soon as they are no more than `most`. Requests that were answered may not
/// have ended.
awaitable<int> timers_when_few(fixture& f, int most) {
  int now = 0;
  for (int i = 0; i < 500; ++i) {
    now = timers_of(co_await f.get("/metrics"));
    if (now <= most) break;
    co_await pause(10ms);
  }
  co_return now;
}

awaitable<> say(sub_stream& s, std::string text) {
  co_await asio::async_write(s, asio::buffer(text), asio::use_awaitable);
  co_await asio::async_read(s, asio::buffer(text), asio::use_awaitable);
}

awaitable<> nothing_is_left(fixture& f) {
  for (int i = 0; i < 5000; ++i) {
    const instance_report r = co_await f.server.engine.report(0);
    if (r.live == 0 && r.inbounds.at("server").main_connections.empty()) co_return;
    co_await pause(1ms);
  }
  FAIL("a main connection or a sub-stream is left");
}

awaitable<> life_of_a_main_connection(fixture& f) {
  const std::string at_first = co_await f.get("/status.json");
  CHECK(has(at_first, "\"inbounds\":[{\"tag\":\"server\",\"ever\":0,\"main_connections\":[]}]"));
  const int before = timers_of(co_await f.get("/metrics"));
  {
    session s = co_await f.connect();
    sub_stream a = co_await s.async_open({f.to_echo()});
    sub_stream b = co_await s.async_open({f.to_echo()});
    co_await say(a, "hello");
    co_await say(b, "you");
    const std::string page = co_await f.get("/status.json");
    CHECK(has(page, "\"live\":2"));
    CHECK(has(page, "\"inbounds\":[{\"tag\":\"server\",\"ever\":1,\"main_connections\":[{\"streams\":2,"));
    CHECK(has(page, "\"source\":\"127.0.0.1:"));
    const std::string metrics = co_await f.get("/metrics");
    CHECK(
        has(metrics, "\nmuxpro_traffic_bytes_total{kind=\"inbound\",name=\"server\",direction=\"up\"} 8\n"));
    CHECK(has(metrics, "\nmuxpro_connections{kind=\"inbound\",name=\"server\"} 2\n"));
    CHECK(has(metrics, "\nmuxpro_main_connections{kind=\"inbound\",name=\"server\"} 1\n"));
    CHECK(has(metrics, "\nmuxpro_sub_streams{kind=\"inbound\",name=\"server\"} 2\n"));
    CHECK(timers_of(metrics) > before);
  }
  co_await nothing_is_left(f);
  const std::string after = co_await f.get("/metrics");
  CHECK(has(after, "\nmuxpro_traffic_bytes_total{kind=\"inbound\",name=\"server\",direction=\"down\"} 8\n"));
  CHECK(has(after, "\nmuxpro_connections_total{kind=\"inbound\",name=\"server\"} 2\n"));
  CHECK(has(after, "\nmuxpro_main_connections_total{kind=\"inbound\",name=\"server\"} 1\n"));
  CHECK(has(after, "\nmuxpro_main_connections{kind=\"inbound\",name=\"server\"} 0\n"));
  const int left = co_await timers_when_few(f, before);
  CHECK(left <= before);
}

awaitable<> nobody_elses(fixture& f) {
  session s = co_await f.connect();
  sub_stream inside = co_await s.async_open({{network::tcp, "127.0.0.1", f.status.port()}});
  char c = 0;
  const auto [error, n] = co_await inside.async_read_some(asio::buffer(&c, 1), as_result);
  CHECK(error == end_code::rejected);
  const std::string to_a_page_of_the_web = co_await f.get("/status.json", "evil.example");
  CHECK(has(to_a_page_of_the_web, "HTTP/1.1 403 "));
}

awaitable<> drains_in_sight(fixture& f) {
  session s = co_await f.connect();
  sub_stream busy = co_await s.async_open({f.to_echo()});
  co_await say(busy, "before");
  f.server.drain();
  // With a sub-stream on one of its two threads, both threads answer.
  const std::string during = co_await f.get("/status.json");
  CHECK(has(during, "\"complete\":true"));
  CHECK(has(during, "\"live\":1"));
  co_await say(busy, "during");
  tcp::socket idle(f.io);
  co_await idle.async_connect(f.status, asio::use_awaitable);
  co_await busy.async_shutdown();
  char c = 0;
  co_await busy.async_read_some(asio::buffer(&c, 1), as_result);
  f.server.wait();  // not for the client of the page, which has not asked yet
}

awaitable<> threads_that_ended(fixture& f) {
  const instance_report before = co_await f.server.engine.report(0);
  CHECK(before.complete);
  f.server.drain();
  f.server.wait();
  const instance_report after = co_await f.server.engine.report(0);
  CHECK_FALSE(after.complete);
}

}  // namespace

TEST_CASE("server: its status shows main connections, and what came of them", "[proxy][server][stats]") {
  fixture().run(life_of_a_main_connection);
}
TEST_CASE("server: its status is not to be had through it", "[proxy][server][stats]") {
  fixture().run(nobody_elses);
}
TEST_CASE("server: its status is served until a drain is over, which does not wait for it",
          "[proxy][server][stats]") {
  fixture f;
  f.run(drains_in_sight);
  const auto begun = std::chrono::steady_clock::now();
  f.server.wait();
  CHECK(std::chrono::steady_clock::now() - begun < 5s);
}
TEST_CASE("server: a report without some threads is not complete", "[proxy][server][stats]") {
  fixture().run(threads_that_ended);
}
