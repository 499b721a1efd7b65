// The whole server on loopback: targets, refusals, UDP, limits, drain.
#include "loopback.hpp"
#include "rules/captures.hpp"
#include "silent_listener.hpp"

#include "proxy/engine/stats.hpp"

#include <muxpro/session.hpp>
#include <muxpro/sub_datagram.hpp>
#include <muxpro/testing/hex.hpp>

#include <algorithm>
#include <atomic>
#include <random>
#include <regex>

namespace {

using namespace loopback_test;

struct fixture : targets {
  explicit fixture(const server_limits& o = {}, bool allow_private = true, std::size_t threads = 2)
      : server(o, threads, lines.sink()), at(server.listen(tcp::endpoint(loopback, 0))) {
    server.policy.allow_private(allow_private);
    server.start();
  }
  /// Sub-streams since the start.
  awaitable<std::uint64_t> streams_ever() {
    const instance_report r = co_await server.engine.report(0);
    std::uint64_t ever = 0;
    for (const auto& row : r.counters)
      if (row.what == stats::kind::inbound) ever += row.connections;
    co_return ever;
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
  server_engine server;
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
                                       make_error_code(errc::target_unreachable).message());
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
    // Full cone: a third party may send to the port.
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
  co_await wait_for([&] { return f.server.streams() == 0; });
  CHECK(f.server.nat.mappings() == 1);
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
  CHECK(f.server.nat.mappings() == 1);
  CHECK(co_await udp_ask(second, "c", target) == "c");
}

awaitable<> dial_given_up(fixture& f) {
  const silent_listener silent(f.io);
  session s = co_await f.connect();
  {
    sub_stream given_up = co_await s.async_open({{network::tcp, "127.0.0.1", silent.port()}});
    co_await wait_for([&] { return f.server.streams() == 1; });
    given_up.reset();
  }
  co_await wait_for([&] { return f.server.streams() == 0; });
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
  co_await wait_for([&] { return f.server.unnegotiated() == 2; });
  session s = co_await f.connect();
  sub_stream stream = co_await s.async_open({f.to_echo()});
  CHECK(co_await ask(stream, "in") == "in");
}

// --- probes: what a scanner learns about the server (J12)

struct probe {
  const char* kind;
  std::string said;
  std::size_t ends_after = 0;  ///< ends its side after so many received bytes; 0: never
  std::string heard{};         ///< as read_all() has it
  duration took{};
};

awaitable<> try_out(fixture& f, probe& p) {
  tcp::socket s(f.io);
  const time_point begun = std::chrono::steady_clock::now();
  co_await s.async_connect(f.at, asio::use_awaitable);
  co_await write(s, p.said);
  if (p.ends_after > 0) {
    p.heard = co_await read(s, p.ends_after);
    s.shutdown(tcp::socket::shutdown_send);
  }
  p.heard += co_await read_all(s);
  p.took = std::chrono::steady_clock::now() - begun;
}

awaitable<> try_some(fixture& f, std::vector<probe>& all, std::size_t& next, int& at_work) {
  while (next < all.size()) {
    const std::size_t mine = next++;
    co_await try_out(f, all[mine]);
  }
  --at_work;
}

/// In disorder, so that what else the machine does meets all kinds alike.
awaitable<> try_all(fixture& f, std::vector<probe>& all) {
  std::shuffle(all.begin(), all.end(), std::mt19937(2));
  std::size_t next = 0;
  int at_work = 8;
  for (int i = at_work; i > 0; --i) asio::co_spawn(f.io, try_some(f, all, next, at_work), asio::detached);
  while (at_work > 0) co_await pause(5ms);
}

std::string text(const_bytes b) { return {reinterpret_cast<const char*>(b.data()), b.size()}; }
std::string hex(std::string_view digits) { return text(testing::from_hex(digits)); }

/// Layout S: length, id 0, state 0, options, count; the versions.
const std::string negotiation = hex("0005 0000 00 01 02 | 0008 00000001 00000000");
const std::string agreement = hex("0005 0000 00 01 01 | 0004 00000001");

std::string noise(std::mt19937& random) {
  std::string bytes(1 + random() % 64, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return bytes;
}

/// Whether it could be the beginning of a frame, whose end is waited for.
bool may_go_on(const std::string& said) {
  if (said.size() < 2) return true;
  const auto octet = [&said](std::size_t at) { return std::size_t{static_cast<unsigned char>(said[at])}; };
  const std::size_t metadata = octet(0) << 8 | octet(1);
  return metadata >= 4 && metadata <= max_metadata && said.size() < 2 + metadata;
}

constexpr const char* unfinished = "unfinished";

std::vector<probe> wrong_probes() {
  std::mt19937 random(1);
  std::vector<probe> all;
  for (int i = 0; i < 1000; ++i) {
    std::string said = noise(random);
    const char* const kind = may_go_on(said) ? unfinished : "noise";
    all.push_back({kind, std::move(said)});
  }
  const probe others[] = {
      {"http", "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"},
      {"tls", text(rules_test::captured_hellos().front().bytes)},
      {"no common version", hex("0005 0000 00 01 02 | 0008 02000000 01000000")},
      {"an id", hex("0005 0001 00 01 02 | 0008 00000001 00000000")},
      {"an option", hex("0005 0000 00 03 02 | 0008 00000001 00000000")},
      {"a count", hex("0005 0000 00 01 03 | 0008 00000001 00000000")},
      {"a keep-alive", hex("0004 0001 04 00")},
      {"a new sub-stream", hex("000d 0001 01 00 01 00 0050 01 7f000001")},
  };
  for (const probe& p : others) all.insert(all.end(), 100, p);
  for (std::size_t n = 1; n < negotiation.size(); ++n) all.push_back({unfinished, negotiation.substr(0, n)});
  return all;
}

constexpr duration time_limit = 200ms;

bool is_unfinished(const probe& p) { return p.kind == unfinished; }

// Nothing is waited for: the deadline of these servers is longer than the test.
awaitable<> wrong_ones_are_cut_at_once(fixture& f) {
  std::vector<probe> all = wrong_probes();
  std::erase_if(all, is_unfinished);
  co_await try_all(f, all);
  for (const probe& p : all) {
    INFO(p.kind << ": " << p.said);
    CHECK(p.heard == "|");
  }
  const std::uint64_t ever = co_await f.streams_ever();
  CHECK(ever == 0);
}

// What may go on is waited for, all of it to the same deadline.
awaitable<> unfinished_ones_are_cut_in_time(fixture& f) {
  std::vector<probe> all = wrong_probes();
  std::erase_if(all, [](const probe& p) { return !is_unfinished(p); });
  co_await try_all(f, all);
  for (const probe& p : all) {
    INFO(p.said);
    CHECK(p.heard == "|");
    CHECK(p.took >= time_limit);
  }
  const std::uint64_t ever = co_await f.streams_ever();
  CHECK(ever == 0);
}

// The versions are no secret: a client that sends them learns that this is a server, and no more than that.
awaitable<> right_versions_are_answered(fixture& f) {
  std::mt19937 random(3);
  std::vector<probe> all;
  for (int i = 0; i < 100; ++i) {
    all.push_back({"a wrong token", negotiation + '\xff' + noise(random)});
    all.push_back({"a replay", negotiation, agreement.size()});
    all.push_back({"twice", negotiation + negotiation});
  }
  co_await try_all(f, all);
  for (const probe& p : all) {
    INFO(p.kind << ": " << p.said);
    CHECK(p.heard == agreement + "|");
  }
  const std::uint64_t ever = co_await f.streams_ever();
  CHECK(ever == 0);
}

// A replay of a client's first bytes is one more request.
awaitable<> a_replay_is_one_more_request(fixture& f) {
  const std::string asks = hex("000d 0001 01 00 01 00 0001 01 7f000001"),
                    rejected = hex("0006 0001 03 01 0006");
  const std::string answer = agreement + rejected;
  std::vector<probe> all(50, {"a replay", negotiation + asks, answer.size()});
  co_await try_all(f, all);
  for (const probe& p : all) CHECK(p.heard == answer + "|");
  const std::uint64_t ever = co_await f.streams_ever();
  CHECK(ever == all.size());
}

/// Has a handshake without an end.
class unready final : public transport {
 public:
  asio::awaitable<std::shared_ptr<connection>> open(std::shared_ptr<connection>,
                                                    std::error_code&) const override {
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
TEST_CASE("server: datagrams, full cone, and the same port for a returning source", "[proxy][server]") {
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
TEST_CASE("server: lines about successes never displace lines about failures", "[proxy][server][log]") {
  server_limits o;
  o.engine.access_lines = 2;
  fixture(o).run(said_of_many);
}
TEST_CASE("server: a drain lets open connections end, and accepts no new ones", "[proxy][server]") {
  fixture f;
  f.run(busy_drain);
  f.server.wait();
}
TEST_CASE("server: a drain ends at its limit", "[proxy][server]") {
  server_limits o;
  o.engine.drain_timeout = 50ms;
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
  server_limits o;
  o.engine.drain_timeout = 20ms;
  const auto slow = std::make_shared<const unready>();
  server_engine server(o);
  const tcp::endpoint at = server.listen(tcp::endpoint(loopback, 0), transport_options(slow));
  server.start();
  asio::io_context io;
  tcp::socket client(io);
  client.connect(at);
  test::run(io, wait_for([&] { return slow->begun == 1; }));
  server.drain();
  server.wait();
}
TEST_CASE("server: one source has so many connections that have not negotiated", "[proxy][server]") {
  server_limits o;
  o.inbound.max_unnegotiated_per_source = 3;
  fixture(o).run(too_many_unnegotiated);
}
TEST_CASE("server: senseless options are refused with a sentence", "[proxy][server]") {
  server_limits o;
  o.inbound.max_unnegotiated = 0;
  CHECK_THROWS_WITH(server_engine(o), "max_unnegotiated is 0, it must be 1 to 1048576");
}

TEST_CASE("server: a client of another protocol gets no byte, whatever it sends (J12)", "[proxy][server]") {
  server_limits o;
  o.inbound.session.negotiate_timeout = std::chrono::hours(1);
  fixture(o).run(wrong_ones_are_cut_at_once);
  o.inbound.session.negotiate_timeout = time_limit;
  fixture(o).run(unfinished_ones_are_cut_in_time);
}
TEST_CASE("server: a client with the versions gets the same answer each time (J12)", "[proxy][server]") {
  fixture().run(right_versions_are_answered);
  fixture({}, false).run(a_replay_is_one_more_request);
}
