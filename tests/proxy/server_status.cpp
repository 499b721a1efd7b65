// What a server says of itself while it works.
#include "loopback.hpp"

#include <muxpro/session.hpp>

namespace {

using namespace loopback_test;

struct fixture : targets {
  fixture()
      : server({}, 2, [](log_level, std::string_view) {}),
        at(server.listen({loopback, 0})),
        status(to_tcp(server.listen_for_status(tcp::endpoint(loopback, 0)))) {
    server.parts().policy.allow_private(true);
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

  mux_server server;
  tcp::endpoint at, status;
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string timers_of(const std::string& metrics) {
  const auto at = metrics.find("\nmuxpro_timers ");
  REQUIRE(at != std::string::npos);
  return metrics.substr(at, metrics.find('\n', at + 1) - at);
}

awaitable<> say(sub_stream& s, std::string text) {
  co_await asio::async_write(s, asio::buffer(text), asio::use_awaitable);
  co_await asio::async_read(s, asio::buffer(text), asio::use_awaitable);
}

awaitable<> life_of_a_main_connection(fixture& f) {
  const std::string before = timers_of(co_await f.get("/metrics"));
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
    CHECK(timers_of(metrics) != before);
  }
  co_await wait_for([&] { return f.server.parts().sessions == 0 && f.server.parts().streams == 0; });
  const std::string after = co_await f.get("/metrics");
  CHECK(has(after, "\nmuxpro_traffic_bytes_total{kind=\"inbound\",name=\"server\",direction=\"down\"} 8\n"));
  CHECK(has(after, "\nmuxpro_connections_total{kind=\"inbound\",name=\"server\"} 2\n"));
  CHECK(has(after, "\nmuxpro_main_connections_total{kind=\"inbound\",name=\"server\"} 1\n"));
  CHECK(has(after, "\nmuxpro_main_connections{kind=\"inbound\",name=\"server\"} 0\n"));
  CHECK(timers_of(after) == before);
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

awaitable<> threads_that_ended(fixture& f) {
  const std::string before = co_await f.get("/status.json");
  CHECK(has(before, "\"complete\":true"));
  f.server.drain();
  f.server.wait();
  const std::string after = co_await f.get("/status.json"), metrics = co_await f.get("/metrics");
  CHECK(has(after, "\"complete\":false"));
  CHECK(has(metrics, "HTTP/1.1 503 "));
}

}  // namespace

TEST_CASE("server: its status shows main connections, and what came of them", "[proxy][server][stats]") {
  fixture().run(life_of_a_main_connection);
}
TEST_CASE("server: its status is not to be had through it", "[proxy][server][stats]") {
  fixture().run(nobody_elses);
}
TEST_CASE("server: a status without some threads says so", "[proxy][server][stats]") {
  fixture().run(threads_that_ended);
}
