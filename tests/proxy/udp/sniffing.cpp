// What is learnt of datagrams before their outbound is chosen, and what becomes of their addresses.
#include "catch.hpp"
#include "rules/client_hello.hpp"
#include "rules/quic_packet.hpp"
#include "support.hpp"

#include "proxy/fake_dns/fake_dns.hpp"
#include "proxy/sniff/sniff_policy.hpp"

#include <muxpro/proxy/dispatcher.hpp>

#include <asio/steady_timer.hpp>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace std::chrono_literals;

const host_port server("192.0.2.7", 443), other("192.0.2.8", 443);

/// Returns datagrams, from an address that a test chooses.
class far_side final : public outbound {
 public:
  asio::awaitable<connection_result> carry(const context&, client&) override {
    co_return connection_result();
  }
  asio::awaitable<connection_result> carry_datagrams(context ctx,
                                                     std::unique_ptr<datagram_stream> d) override {
    seen.push_back(std::move(ctx));
    std::array<char, 40000> room;
    std::vector<std::pair<host_port, std::string>> answers;
    connection_result result;
    for (;;) {
      host_port to;
      std::error_code lost;
      const std::size_t n = co_await d->receive(asio::buffer(room), to, result.why);
      if (result.why) break;
      heard.push_back(to.host.to_string() + " " + std::string(room.data(), std::min<std::size_t>(n, 6)));
      answers.emplace_back(answers_from(to), std::string(room.data(), n));
      if (answers.size() < at_once) continue;
      if (stranger) answers.emplace_back(*stranger, "hello");
      for (const auto& [from, what] : answers) co_await d->send(asio::buffer(what), from, lost);
      answers.clear();
    }
    co_return result;
  }
  std::function<host_port(const host_port&)> answers_from = [](const host_port& p) { return p; };
  std::size_t at_once = 1;            ///< answers wait until there are so many
  std::optional<host_port> stranger;  ///< sends something after them
  std::vector<context> seen;
  std::vector<std::string> heard;
};

struct client {
  client() : to(io.get_executor()) {
    sniffing.enabled = true;
    to.add("far", far);
    to.use_fake_dns(fakes);
    to.observe_by([this](const context&, const connection_result& how, duration) { ended = how; });
  }
  std::shared_ptr<datagram_stream> begin(const host_port& first) {
    context ctx;
    ctx.outbound.original = ctx.outbound.target = {network::udp, first.host, first.port};
    ctx.content.sniffing = std::make_shared<const sniff_policy>(sniffing, geo);
    return to.dispatch_datagrams(std::move(ctx));
  }
  host_port fake(const std::string& name, std::uint16_t port = 443) {
    return {*fakes->address_of(name, address::kind::ipv4), port};
  }
  void run(std::function<asio::awaitable<void>(client&)> work) {
    test::run(io, work(*this));
    test::run_until(io, [this] { return to.live() == 0; });
  }

  asio::io_context io;
  geo_files geo;
  sniffing_options sniffing;
  std::shared_ptr<fake_dns> fakes = std::make_shared<fake_dns>();
  std::shared_ptr<far_side> far = std::make_shared<far_side>();
  dispatcher to;
  connection_result ended;
};

asio::awaitable<void> send(datagram_stream& s, const_bytes what, host_port to) {
  std::error_code ec;
  co_await s.send(asio::buffer(what.data(), what.size()), to, ec);
  CHECK_FALSE(ec);
}
asio::awaitable<void> send(datagram_stream& s, std::string_view what, host_port to) {
  co_await send(s, std::as_bytes(std::span(what)), std::move(to));
}

/// Where the next one comes from.
asio::awaitable<std::string> receive(datagram_stream& s) {
  std::array<char, 2000> room;
  host_port from;
  std::error_code ec;
  co_await s.receive(asio::buffer(room), from, ec);
  co_return ec ? ec.message() : from.host.to_string();
}

asio::awaitable<std::string> ask(datagram_stream& s, std::string_view what, host_port to) {
  co_await send(s, what, std::move(to));
  co_return co_await receive(s);
}

/// The datagrams of a QUIC client's first flight, of 700 bytes of its hello each.
std::vector<rules_test::byte_string> first_flight(const std::string& name) {
  rules_test::hello h = rules_test::hello::sized(1900, true);
  h.name = name;
  const rules_test::byte_string hello = h.bytes();
  std::vector<rules_test::byte_string> all;
  for (std::size_t at = 0; at < hello.size(); at += 700) {
    rules_test::initial_packet p;
    p.frames = rules_test::crypto_frame(
        at, const_bytes(hello).subspan(at, std::min<std::size_t>(700, hello.size() - at)));
    p.number = static_cast<std::uint32_t>(all.size());
    p.padded_to = 1162;
    all.push_back(p.bytes());
  }
  return all;
}

asio::awaitable<void> flight_to(datagram_stream& s, const std::string& name, host_port to) {
  for (const auto& d : first_flight(name)) co_await send(s, d, to);
}

asio::awaitable<void> a_quic_flight(client& c) {
  const auto s = c.begin(server);
  co_await flight_to(*s, "www.example.com", server);
  for (int i = 0; i < 3; ++i) {
    const std::string from = co_await receive(*s);
    CHECK(from == "192.0.2.7");
  }
  const std::string from_other = co_await ask(*s, "more", other);
  CHECK(from_other == "192.0.2.8");
}

}  // namespace

TEST_CASE("datagrams: a QUIC client's name is for the rules", "[proxy][udp][sniffing]") {
  client c;
  c.run(a_quic_flight);
  REQUIRE(c.far->seen.size() == 1);
  CHECK(c.far->seen[0].content.protocol == "quic");
  CHECK(to_string(*c.far->seen[0].outbound.route_target) == "udp:www.example.com:443");
  CHECK(to_string(c.far->seen[0].outbound.target) == "udp:192.0.2.7:443");
  CHECK(c.far->heard.size() == 4);
  CHECK(c.ended.up == 3 * first_flight("www.example.com")[0].size() + 4);
  CHECK(c.ended.down == c.ended.up);
}

TEST_CASE("datagrams: a QUIC client's name takes the place of its address", "[proxy][udp][sniffing]") {
  client c;
  c.sniffing.route_only = false;
  c.far->answers_from = [](const host_port& p) {  // resolved further on
    return p.host.is_domain() ? host_port("203.0.113.1", p.port) : p;
  };
  c.run(a_quic_flight);
  REQUIRE(c.far->seen.size() == 1);
  CHECK(to_string(c.far->seen[0].outbound.target) == "udp:www.example.com:443");
  REQUIRE(c.far->heard.size() == 4);
  CHECK(c.far->heard[0].starts_with("www.example.com "));
  CHECK(c.far->heard[3] == "192.0.2.8 more");
}

TEST_CASE("datagrams: a first flight that is never complete is waited for in vain, and carried",
          "[proxy][udp][sniffing]") {
  client c;
  c.sniffing.timeout = 20ms;
  const auto begun = std::chrono::steady_clock::now();
  c.run([](client& x) -> asio::awaitable<void> {
    const auto s = x.begin(server);
    const auto flight = first_flight("www.example.com");
    co_await send(*s, flight[0], server);
    co_await send(*s, flight[1], server);
    const std::string from = co_await receive(*s), again = co_await receive(*s);
    CHECK(from + again == "192.0.2.7192.0.2.7");
    const std::string later = co_await ask(*s, "later", server);
    CHECK(later == "192.0.2.7");
  });
  CHECK(std::chrono::steady_clock::now() - begun >= 20ms);
  REQUIRE(c.far->heard.size() == 3);
  CHECK(c.far->heard[2] == "192.0.2.7 later");
  CHECK(c.far->seen[0].content.protocol.empty());
}

TEST_CASE("datagrams: an unknown protocol is not waited for", "[proxy][udp][sniffing]") {
  client c;
  c.sniffing.timeout = 10s;
  const auto begun = std::chrono::steady_clock::now();
  c.run([](client& x) -> asio::awaitable<void> {
    const auto s = x.begin(server);
    const std::string from = co_await ask(*s, "hello", server);
    CHECK(from == "192.0.2.7");
  });
  CHECK(std::chrono::steady_clock::now() - begun < 5s);
}

TEST_CASE("datagrams: a client that goes while its first flight is looked at", "[proxy][udp][sniffing]") {
  client c;
  c.sniffing.timeout = 10s;
  c.run([](client& x) -> asio::awaitable<void> {
    const auto s = x.begin(server);
    const auto flight = first_flight("www.example.com");
    co_await send(*s, flight[0], server);
    for (int i = 0; i < 5; ++i) co_await asio::post(x.io, asio::use_awaitable);
    s->end(end_code::graceful);
  });
  CHECK(c.far->heard.size() == 1);
  CHECK(c.ended.why == asio::error::eof);
}

TEST_CASE("datagrams: only those to the first peer are sniffed", "[proxy][udp][sniffing]") {
  client c;
  c.run([](client& x) -> asio::awaitable<void> {
    const auto s = x.begin(server);
    const auto mine = first_flight("mine.example.com"), others = first_flight("others.example.com");
    for (std::size_t i = 0; i < mine.size(); ++i) {
      co_await send(*s, mine[i], server);
      co_await send(*s, others[i], other);
    }
    for (int i = 0; i < 6; ++i) {
      const std::string from = co_await receive(*s);
      CHECK(from == (i % 2 ? "192.0.2.8" : "192.0.2.7"));
    }
  });
  CHECK(to_string(*c.far->seen[0].outbound.route_target) == "udp:mine.example.com:443");
}

TEST_CASE("datagrams: an address of FakeDNS goes to its name, and answers come from the address",
          "[proxy][udp][sniffing]") {
  client c;
  const host_port one = c.fake("one.example.com"), two = c.fake("two.example.com", 8443),
                  forgotten("198.18.99.99", 443);
  SECTION("when the outbound keeps names") {}
  SECTION("when names are resolved further on") {
    c.far->answers_from = [](const host_port& p) {
      return p.host.is_domain() ? host_port("203.0.113.1", p.port) : p;
    };
  }
  c.run([&](client& x) -> asio::awaitable<void> {
    const auto s = x.begin(one);
    const std::string a = co_await ask(*s, "a", one), b = co_await ask(*s, "b", two),
                      d = co_await ask(*s, "d", other), e = co_await ask(*s, "e", one),
                      f = co_await ask(*s, "f", forgotten);
    CHECK(a == one.host.to_string());
    CHECK(b == two.host.to_string());
    CHECK(d == "192.0.2.8");
    CHECK(e == one.host.to_string());
    CHECK(f == "198.18.99.99");
  });
  CHECK(c.far->heard == std::vector<std::string>{"one.example.com a", "two.example.com b", "192.0.2.8 d",
                                                 "one.example.com e", "198.18.99.99 f"});
  CHECK(to_string(c.far->seen[0].outbound.target) == "udp:one.example.com:443");
  CHECK(to_string(c.far->seen[0].outbound.original) == "udp:" + one.host.to_string() + ":443");
}

TEST_CASE("datagrams: names of one port are distinguished by the order of their first answers",
          "[proxy][udp][sniffing]") {
  client c;
  const host_port one = c.fake("one.example.com"), two = c.fake("two.example.com");
  c.far->answers_from = [](const host_port& p) {
    return host_port(p.host == address("one.example.com") ? "203.0.113.1" : "203.0.113.2", p.port);
  };
  c.far->at_once = 4;
  c.far->stranger = host_port("203.0.113.66", 443);
  c.run([&](client& x) -> asio::awaitable<void> {
    const auto s = x.begin(one);
    for (const host_port& to : {one, two, two, one}) co_await send(*s, "x", to);
    std::string order;
    for (int i = 0; i < 5; ++i) order += co_await receive(*s) + " ";
    const std::string a = one.host.to_string() + " ", b = two.host.to_string() + " ";
    CHECK(order == a + b + b + a + "203.0.113.66 ");
  });
}

TEST_CASE("datagrams: a name that the client has sent itself is answered by its address",
          "[proxy][udp][sniffing]") {
  client c;
  c.far->answers_from = [](const host_port& p) { return host_port("203.0.113.1", p.port); };
  c.run([](client& x) -> asio::awaitable<void> {
    const host_port named("www.example.com", 443);
    const auto s = x.begin(named);
    const std::string from = co_await ask(*s, "x", named);
    CHECK(from == "203.0.113.1");
  });
}

TEST_CASE("datagrams: so many peers are remembered", "[proxy][udp][sniffing]") {
  client c;
  c.far->answers_from = [](const host_port& p) {
    return p.host.is_domain() ? host_port("203.0.113.1", p.port) : p;
  };
  c.run([](client& x) -> asio::awaitable<void> {
    const host_port first = x.fake("first.example.com", 1000), last = x.fake("last.example.com", 1001);
    const auto s = x.begin(first);
    const std::string before = co_await ask(*s, "x", first);
    CHECK(before == first.host.to_string());
    for (std::uint16_t i = 0; i < 200; ++i) {
      const host_port next =
          x.fake("n" + std::to_string(i) + ".example.com", static_cast<std::uint16_t>(2000 + i));
      const std::string from = co_await ask(*s, "x", next);
      CHECK(from == next.host.to_string());
    }
    x.far->stranger = host_port("203.0.113.1", 1000);
    const std::string from_last = co_await ask(*s, "x", last), of_the_forgotten = co_await receive(*s);
    CHECK(from_last == last.host.to_string());
    CHECK(of_the_forgotten == "203.0.113.1");
    x.far->stranger.reset();
    const std::string again = co_await ask(*s, "y", first);
    CHECK(again == first.host.to_string());
  });
  CHECK(c.far->heard.size() == 203);
  CHECK(c.far->heard.back() == "first.example.com y");
}

TEST_CASE("datagrams: what is held while a first flight is looked at has a bound", "[proxy][udp][sniffing]") {
  client c;
  c.sniffing.timeout = 10s;
  const auto begun = std::chrono::steady_clock::now();
  c.run([](client& x) -> asio::awaitable<void> {
    const auto s = x.begin(server);
    const auto flight = first_flight("www.example.com");
    co_await send(*s, flight[0], server);
    const std::string large(sniff_limit, 'x');
    co_await send(*s, std::string_view(large), other);
    const std::string from = co_await receive(*s);
    CHECK(from == "192.0.2.7");
  });
  CHECK(std::chrono::steady_clock::now() - begun < 5s);
}

TEST_CASE("datagrams: without sniffing an address of FakeDNS is an address", "[proxy][udp][sniffing]") {
  client c;
  c.sniffing.enabled = false;
  const host_port one = c.fake("one.example.com");
  c.run([&](client& x) -> asio::awaitable<void> {
    const auto s = x.begin(one);
    const std::string from = co_await ask(*s, "a", one);
    CHECK(from == one.host.to_string());
  });
  CHECK(c.far->heard == std::vector<std::string>{one.host.to_string() + " a"});
}

namespace {

asio::awaitable<void> nowhere(client& c) {
  const auto flow = c.begin({"198.18.0.77", 443});
  std::error_code ec;
  co_await flow->send(asio::buffer("hello", 5), {"198.18.0.77", 443}, ec);
  const std::string end = co_await receive(*flow);
  CHECK(end == make_error_code(end_code::rejected).message());
}

}  // namespace

TEST_CASE("datagrams: a flow to an address of FakeDNS without a name ends at once", "[proxy][dispatcher]") {
  client c;
  c.sniffing.dest_override = {"fakedns"};
  c.run(nowhere);
  CHECK(c.ended.why == fake_dns_errc::unknown_address);
  CHECK(c.far->seen.empty());
}
