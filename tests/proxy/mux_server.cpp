// The whole server on loopback: targets, refusals, UDP, limits, drain.
#include "loopback.hpp"
#include "silent_listener.hpp"

#include <muxpro/session.hpp>
#include <muxpro/sub_datagram.hpp>

#include <atomic>
#include <map>
#include <random>
#include <regex>

namespace {

using namespace loopback_test;

struct fixture : targets {
  explicit fixture(server_options o = {}, bool allow_private = true, std::size_t threads = 2)
      : server(std::move(o), threads, lines.sink()), at(server.listen({loopback, 0})) {
    server.parts().policy.allow_private(allow_private);
    server.start();
  }
  /// A main connection that runs.
  awaitable<session> connect() {
    session_options usual;
    session s = co_await dial_server(at, usual);
    co_await s.async_handshake();
    s.async_run([](error_code) {});
    co_return s;
  }
  void run(std::function<awaitable<>(fixture&)> work) { targets::run<fixture>(*this, std::move(work)); }

  test::kept_lines lines;
  mux_server server;
  tcp::endpoint at;
};

awaitable<std::string> ask(sub_stream& s, std::string text) {
  co_await asio::async_write(s, asio::buffer(text), asio::use_awaitable);
  co_await asio::async_read(s, asio::buffer(text), asio::use_awaitable);
  co_return text;
}

awaitable<error_code> end_of(session& s, destination to) {
  sub_stream stream = co_await s.async_open({std::move(to)});
  char c = 0;
  const auto [error, n] = co_await stream.async_read_some(asio::buffer(&c, 1), as_result);
  co_return error;
}

awaitable<> talk_and_end(fixture& f) {
  session s = co_await f.connect();
  sub_stream a = co_await s.async_open({f.to_echo()});
  sub_stream b = co_await s.async_open({f.to_echo()});
  CHECK(co_await ask(a, "one") == "one");
  CHECK(co_await ask(b, "two") == "two");
  co_await a.async_shutdown();
  char c = 0;
  const auto [error, n] = co_await a.async_read_some(asio::buffer(&c, 1), as_result);
  CHECK(error == asio::error::eof);
  CHECK(co_await ask(b, "three") == "three");
}

awaitable<> refusals(fixture& f) {
  session s = co_await f.connect();
  CHECK(co_await end_of(s, {network::tcp, "127.0.0.1", 1}) == end_code::unreachable);
  CHECK(co_await end_of(s, {network::tcp, "127.0.0.1", f.at.port()}) == end_code::rejected);
  sub_stream good = co_await s.async_open({f.to_echo()});
  CHECK(co_await ask(good, "still here") == "still here");
}

awaitable<> private_target(fixture& f) {
  session s = co_await f.connect();
  CHECK(co_await end_of(s, f.to_echo()) == end_code::rejected);
}

awaitable<std::string> udp_ask(sub_datagram& d, std::string text, host_port to) {
  co_await d.async_send_to(asio::buffer(text), to);
  std::array<char, 2048> room;
  host_port from;
  const std::size_t n = co_await d.async_receive_from(asio::buffer(room), from);
  CHECK(from == to);
  co_return std::string(room.data(), n);
}

std::string shape(const std::string& line) {
  return std::regex_replace(line, std::regex(R"([0-9]\.[0-9]{3} s|:[0-9]+: )"), "*");
}

awaitable<> said_of_each(fixture& f) {
  session s = co_await f.connect();
  sub_stream a = co_await s.async_open({f.to_echo()});
  const std::string answer = co_await ask(a, "hello");
  CHECK(answer == "hello");
  co_await a.async_shutdown();
  char c = 0;
  co_await a.async_read_some(asio::buffer(&c, 1), as_result);
  co_await wait_for([&] { return f.lines.all().size() == 1; });
  const error_code refused = co_await end_of(s, {network::tcp, "127.0.0.1", 1});
  CHECK(refused == end_code::unreachable);
  co_await wait_for([&] { return f.lines.all().size() == 2; });
  const std::string of_main = " of main connection 1 of 127.0.0.1 to tcp:127.0.0.1*";
  CHECK(shape(f.lines.all()[0]) == "sub-stream 1" + of_main + "5 bytes up, 5 down, *, done");
  CHECK(shape(f.lines.all()[1]) == "sub-stream 2" + of_main + "0 bytes up, 0 down, *, " +
                                       make_error_code(end_code::unreachable).message());
}

awaitable<> said_of_datagrams(fixture& f) {
  session s = co_await f.connect();
  const host_port target{"127.0.0.1", f.udp_echo.local_endpoint().port()};
  {
    sub_stream stream = co_await s.async_open({{network::udp, target.host, target.port}});
    sub_datagram d(std::move(stream));
    const std::string answer = co_await udp_ask(d, "ping", target);
    CHECK(answer == "ping");
  }
  co_await wait_for([&] { return f.lines.all().size() == 1; });
  CHECK(shape(f.lines.all()[0]) ==
        "sub-stream 1 of main connection 1 of 127.0.0.1 to udp:127.0.0.1*4 bytes up, 4 down, *, done");
}

awaitable<> said_of_many(fixture& f) {
  session s = co_await f.connect();
  for (int i = 0; i < 5; ++i) {
    sub_stream a = co_await s.async_open({f.to_echo()});
    co_await ask(a, "hello");
    co_await a.async_shutdown();
    char c = 0;
    co_await a.async_read_some(asio::buffer(&c, 1), as_result);
  }
  const error_code refused = co_await end_of(s, {network::tcp, "127.0.0.1", 1});
  CHECK(refused == end_code::unreachable);
  co_await wait_for([&] { return f.lines.has("sub-stream 6 "); });
}

awaitable<> datagrams(fixture& f) {
  session s = co_await f.connect();
  const host_port target{"127.0.0.1", f.udp_echo.local_endpoint().port()};
  open_request request({network::udp, target.host, target.port});
  request.source = global_id{1, 2, 3, 4, 5, 6, 7, 8};
  udp::socket third(f.io, {loopback, 0});
  std::uint16_t port = 0;
  {
    sub_datagram d(co_await s.async_open(request));
    CHECK(co_await udp_ask(d, "ping", target) == "ping");
    // Full cone: a third party that hears of the port may send to it.
    const host_port other{"127.0.0.1", third.local_endpoint().port()};
    co_await d.async_send_to(asio::buffer("hi", 2), other);
    std::array<char, 100> room;
    udp::endpoint mapped;
    co_await third.async_receive_from(asio::buffer(room), mapped, asio::use_awaitable);
    port = mapped.port();
    co_await third.async_send_to(asio::buffer("back", 4), {loopback, port}, asio::use_awaitable);
    host_port from;
    const std::size_t n = co_await d.async_receive_from(asio::buffer(room), from);
    CHECK(std::string(room.data(), n) == "back");
    CHECK(from == other);
    d.close();
  }
  co_await wait_for([&] { return f.server.parts().streams == 0; });
  CHECK(f.server.parts().nat.mappings() == 1);
  session second = co_await f.connect();
  sub_datagram again(co_await second.async_open(request));
  co_await again.async_send_to(asio::buffer("hi", 2), {"127.0.0.1", third.local_endpoint().port()});
  std::array<char, 100> room;
  udp::endpoint mapped;
  co_await third.async_receive_from(asio::buffer(room), mapped, asio::use_awaitable);
  CHECK(mapped.port() == port);
}

awaitable<> takeover(fixture& f) {
  session s = co_await f.connect();
  session t = co_await f.connect();
  const host_port target{"127.0.0.1", f.udp_echo.local_endpoint().port()};
  open_request request({network::udp, target.host, target.port});
  request.source = global_id{8, 7, 6, 5, 4, 3, 2, 1};
  sub_datagram first(co_await s.async_open(request));
  CHECK(co_await udp_ask(first, "a", target) == "a");
  sub_datagram second(co_await t.async_open(request));
  CHECK(co_await udp_ask(second, "b", target) == "b");
  std::array<char, 10> room;
  host_port from;
  const auto [error, n] = co_await first.async_receive_from(asio::buffer(room), from, as_result);
  CHECK(error == asio::error::eof);
  CHECK(f.server.parts().nat.mappings() == 1);
  CHECK(co_await udp_ask(second, "c", target) == "c");
}

awaitable<> dial_given_up(fixture& f) {
  const silent_listener silent(f.io);
  session s = co_await f.connect();
  {
    sub_stream given_up = co_await s.async_open({{network::tcp, "127.0.0.1", silent.port()}});
    co_await wait_for([&] { return f.server.parts().streams == 1; });
    given_up.reset();
  }
  co_await wait_for([&] { return f.server.parts().streams == 0; });
}

awaitable<> busy_drain(fixture& f) {
  session s = co_await f.connect();
  sub_stream busy = co_await s.async_open({f.to_echo()});
  CHECK(co_await ask(busy, "before") == "before");
  f.server.drain();
  asio::steady_timer timer(f.io, 50ms);
  co_await timer.async_wait(asio::use_awaitable);
  CHECK(co_await end_of(s, f.to_echo()) == end_code::resources);
  CHECK(co_await ask(busy, "during") == "during");
  tcp::socket late(f.io);
  const auto [refused] = co_await late.async_connect(f.at, as_result);
  CHECK(refused == asio::error::connection_refused);
  co_await busy.async_shutdown();
  char c = 0;
  const auto [error, n] = co_await busy.async_read_some(asio::buffer(&c, 1), as_result);
  CHECK(error == asio::error::eof);
}

awaitable<> too_many_unnegotiated(fixture& f) {
  std::vector<tcp::socket> idle;
  for (int i = 0; i < 4; ++i) {
    idle.emplace_back(f.io);
    co_await idle.back().async_connect(f.at, asio::use_awaitable);
  }
  char c = 0;
  const auto [error, n] = co_await idle[3].async_read_some(asio::buffer(&c, 1), as_result);
  CHECK((error == asio::error::eof || error == asio::error::connection_reset));
  idle[0].close();
  co_await wait_for([&] { return f.server.parts().unnegotiated->inside() == 2; });
  session s = co_await f.connect();
  sub_stream stream = co_await s.async_open({f.to_echo()});
  CHECK(co_await ask(stream, "in") == "in");
}

awaitable<> probe(fixture& f, std::string first, std::map<std::string, int>& reactions) {
  tcp::socket s(f.io);
  co_await s.async_connect(f.at, asio::use_awaitable);
  co_await write(s, std::move(first));
  const std::string heard = co_await read_all(s);
  ++reactions[heard.size() > 1 ? "a word" : "cut off"];
}

awaitable<> probes(fixture& f) {
  std::mt19937 random(1);
  std::map<std::string, int> reactions;
  for (int i = 0; i < 1000; ++i) {
    std::string first(1 + random() % 64, '\0');
    for (char& c : first) c = static_cast<char>(random());
    asio::co_spawn(f.io, probe(f, std::move(first), reactions), asio::detached);
  }
  co_await wait_for([&] { return reactions["cut off"] + reactions["a word"] == 1000; });
  CHECK(reactions["a word"] == 0);
  CHECK(f.server.parts().streams == 0);
}

/// Has a handshake without an end.
class unready final : public transport {
 public:
  asio::awaitable<std::shared_ptr<connection>> open(stream_socket, std::error_code&) const override {
    ++begun;
    asio::steady_timer never(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
    co_await never.async_wait(asio::use_awaitable);
    co_return nullptr;
  }
  mutable std::atomic<int> begun = 0;
};

}  // namespace

TEST_CASE("server: bytes and half-close to targets", "[proxy][server]") { fixture().run(talk_and_end); }
TEST_CASE("server: a failed dial ends its sub-stream alone", "[proxy][server]") { fixture().run(refusals); }
TEST_CASE("server: private targets are refused unless allowed", "[proxy][server]") {
  fixture({}, false).run(private_target);
}
TEST_CASE("server: datagrams, full cone, and the same port for who comes back", "[proxy][server]") {
  fixture().run(datagrams);
}
TEST_CASE("server: a mapping moves to a new sub-stream with its GlobalID", "[proxy][server]") {
  fixture().run(takeover);
}
TEST_CASE("server: a dial ends with its sub-stream", "[proxy][server]") { fixture().run(dial_given_up); }
TEST_CASE("server: each sub-stream has a line when it ends", "[proxy][server][log]") {
  fixture().run(said_of_each);
  fixture().run(said_of_datagrams);
}
TEST_CASE("server: too many lines about what goes well hide nothing that fails", "[proxy][server][log]") {
  server_options o;
  o.log_lines = 2;
  fixture(o).run(said_of_many);
}
TEST_CASE("server: a drain lets what is open end, and nothing begin", "[proxy][server]") {
  fixture f;
  f.run(busy_drain);
  f.server.wait();
}
TEST_CASE("server: a drain ends at its limit", "[proxy][server]") {
  server_options o;
  o.drain_timeout = 50ms;
  fixture f(o);
  f.run([](fixture& g) -> awaitable<> {
    session s = co_await g.connect();
    sub_stream busy = co_await s.async_open({g.to_echo()});
    co_await ask(busy, "x");
    g.server.drain();
    char c = 0;
    const auto [error, n] = co_await busy.async_read_some(asio::buffer(&c, 1), as_result);
    CHECK(error);
  });
  f.server.wait();
}
TEST_CASE("server: a drain ends without what never gets ready", "[proxy][server]") {
  server_options o;
  o.drain_timeout = 20ms;
  const auto slow = std::make_shared<const unready>();
  mux_server server(o, 1, [](log_level, std::string_view) {});
  const tcp::endpoint at = server.listen(tcp::endpoint(loopback, 0), transport_use(slow));
  server.start();
  asio::io_context io;
  tcp::socket client(io);
  client.connect(at);
  test::run(io, wait_for([&] { return slow->begun == 1; }));
  server.drain();
  server.wait();
}
TEST_CASE("server: one source has so many connections that have not negotiated", "[proxy][server]") {
  server_options o;
  o.max_unnegotiated_per_source = 3;
  fixture(o).run(too_many_unnegotiated);
}
TEST_CASE("server: senseless options are refused with a sentence", "[proxy][server]") {
  server_options o;
  o.max_unnegotiated = 0;
  CHECK_THROWS_WITH(mux_server(o, 1, [](log_level, std::string_view) {}),
                    "max_unnegotiated is 0, it must be 1 to 1048576");
}

TEST_CASE("server: who says something else hears nothing, whatever it was", "[proxy][server]") {
  server_options o;
  o.max_unnegotiated_per_source = 1024;
  o.session.negotiate_timeout = 500ms;
  fixture(o).run(probes);
}
