// Datagrams from a SOCKS client to outbounds, on loopback.
#include "loopback.hpp"
#include "stages.hpp"

#include "proxy/dial/connect_operation.hpp"
#include "proxy/dial/resolver.hpp"
#include "proxy/inbound/socks.hpp"
#include "proxy/outbound/blackhole.hpp"
#include "proxy/outbound/freedom.hpp"

namespace {

using namespace loopback_test;
using namespace std::string_literals;
using stages::datagram_parrot;

const std::string greeting = "\x05\x01\x00"s;

/// `declared`: ATYP and address.
std::string associate(std::uint16_t port = 0, const std::string& declared = "\x01\x00\x00\x00\x00"s) {
  return "\x05\x03\x00"s + declared + static_cast<char>(port >> 8) + static_cast<char>(port);
}

std::string packet(const host_port& to, std::string_view payload, char fragment = 0) {
  std::array<std::byte, max_socks_datagram_header> header;
  const std::size_t n = write_socks_datagram_header(to, header);
  header[2] = static_cast<std::byte>(fragment);
  return test::to_text(std::span(header).first(n)) + std::string(payload);
}

/// A UDP socket of a client, and where it is to send to.
struct caller {
  explicit caller(asio::io_context& io) : socket(io, udp::endpoint(loopback, 0)) {}
  awaitable<> send(std::string what) { co_await socket.async_send_to(asio::buffer(what), relay, as_result); }
  awaitable<std::string> receive() {
    std::array<char, 2000> room;
    udp::endpoint from;
    const auto [error, n] = co_await socket.async_receive_from(asio::buffer(room), from, as_result);
    co_return error ? "!" : std::string(room.data(), n);
  }
  awaitable<std::string> ask(std::string what) {
    co_await send(std::move(what));
    co_return co_await receive();
  }
  udp::socket socket;
  udp::endpoint relay;
};

/// The reply to a UDP ASSOCIATE: where to send datagrams.
awaitable<udp::endpoint> associated(tcp::socket& control, std::string request = associate()) {
  co_await write(control, greeting + request);
  const std::string reply = co_await read(control, 2 + 10);
  if (reply.size() != 12 || reply[3] != 0) co_return udp::endpoint();
  const auto octet = [&](std::size_t i) { return static_cast<std::uint8_t>(reply[i]); };
  const asio::ip::address_v4 at({octet(6), octet(7), octet(8), octet(9)});
  co_return udp::endpoint(at, static_cast<std::uint16_t>(octet(10) << 8 | octet(11)));
}

/// An inbound with a client on a socket, all in one context.
struct association : targets {
  explicit association(socks_inbound_options options = {}, asio::ip::address source = loopback)
      : inbound(std::move(options)), to(io.get_executor()), me(io) {
    to.observe_by([this](const context& ctx, const connection_result& how, duration) {
      ended.push_back(fmt::format("{} via {}: {} {} {}", ctx.outbound.target, ctx.outbound.tag, how.up,
                                  how.down, how.why ? how.why.message() : "done"));
    });
    known.inbound.tag = "in";
    known.inbound.source = source;
    known.inbound.gateway = loopback;
  }
  awaitable<> begin(std::string request = associate()) {
    tcp::acceptor at(io, {loopback, 0});
    co_await control.async_connect(at.local_endpoint(), asio::use_awaitable);
    auto far = co_await at.async_accept(asio::use_awaitable);
    asio::co_spawn(io, inbound.serve(make_connection(std::move(far)), known, to, {}),
                   [this](std::exception_ptr e) { served = !e; });
    me.relay = co_await associated(control, std::move(request));
  }
  awaitable<> end() {
    control.close();
    co_await wait_for([this] { return served && to.live() == 0; });
  }
  void run(std::function<awaitable<>(association&)> work) {
    targets::run<association>(*this, std::move(work));
  }

  socks_inbound inbound;
  dispatcher to;
  context known;
  caller me;
  tcp::socket control{io};
  std::vector<std::string> ended;
  bool served = false;
};

const host_port somewhere("192.0.2.7", 53), elsewhere("example.com", 443);

awaitable<> goes_and_comes(association& a) {
  const auto target = std::make_shared<datagram_parrot>();
  a.to.add("parrot", target);
  co_await a.begin();
  CHECK(a.me.relay.address() == loopback);
  const std::string first = co_await a.me.ask(packet(somewhere, "one"));
  CHECK(first == packet(somewhere, "one"));
  const std::string second = co_await a.me.ask(packet(elsewhere, ""));
  CHECK(second == packet(elsewhere, ""));
  // One connection for both, and it goes where the first one goes.
  REQUIRE(target->seen.size() == 1);
  CHECK(to_string(target->seen[0].outbound.target) == "udp:192.0.2.7:53");
  CHECK(target->seen[0].inbound.source_port == a.me.socket.local_endpoint().port());
  co_await a.end();
  CHECK(target->live() == 0);
  CHECK(a.ended == std::vector<std::string>{"udp:192.0.2.7:53 via parrot: 3 3 End of file"});
  // The port is gone with its connection.
  udp::socket again(a.io, udp::endpoint(loopback, 0));
  again.connect(a.me.relay);
  again.send(asio::buffer("x", 1));
  char c = 0;
  const auto [error, n] = co_await again.async_receive(asio::buffer(&c, 1), as_result);
  CHECK(error == asio::error::connection_refused);
}

awaitable<> drops_what_is_not_the_clients(association& a) {
  const auto target = std::make_shared<datagram_parrot>();
  a.to.add("parrot", target);
  co_await a.begin();
  const std::string good = packet(somewhere, "good");
  co_await a.me.send(packet(somewhere, "a fragment", 1));
  co_await a.me.send(good.substr(0, 9));
  co_await a.me.send("");
  co_await a.me.send(packet({"192.0.2.7", 0}, "no port"));
  const std::string heard = co_await a.me.ask(good);
  CHECK(heard == good);
  CHECK(a.to.drops()->count(drop_reason::malformed) == 4);
  co_await a.end();
  CHECK(a.ended == std::vector<std::string>{"udp:192.0.2.7:53 via parrot: 4 4 End of file"});
}

awaitable<> hears_nobody_else(association& a) {
  const auto target = std::make_shared<datagram_parrot>();
  a.to.add("parrot", target);
  co_await a.begin();
  co_await a.me.send(packet(somewhere, "x"));
  co_await pause(20ms);
  CHECK(target->seen.empty());
  CHECK(a.to.drops()->count(drop_reason::foreign_sender) == 1);
  co_await a.end();
}

// A name, an unspecified address, one that is not the client's, and one that is, with the target's port.
awaitable<> says_nothing_about_its_port(association& a) {
  a.to.add("parrot", std::make_shared<datagram_parrot>());
  const auto one_more = [&a](std::string declared) -> awaitable<> {
    tcp::socket control(a.io);
    tcp::acceptor at(a.io, {loopback, 0});
    co_await control.async_connect(at.local_endpoint(), asio::use_awaitable);
    auto far = co_await at.async_accept(asio::use_awaitable);
    asio::co_spawn(a.io, a.inbound.serve(make_connection(std::move(far)), a.known, a.to, {}), asio::detached);
    caller me(a.io);
    me.relay = co_await associated(control, associate(443, declared));
    const std::string heard = co_await me.ask(packet(somewhere, declared));
    CHECK(heard == packet(somewhere, declared));
  };
  const std::string declared[] = {"\x03\x09x.example"s, "\x01\x00\x00\x00\x00"s,
                                  "\x04"s + std::string(16, '\0'), "\x01\xc0\x00\x02\x09"s,
                                  "\x01\x7f\x00\x00\x01"s};
  for (const std::string& d : declared) co_await one_more(d);
  co_await wait_for([&] { return a.to.live() == 0; });
}

awaitable<> changes_its_port(association& a) {
  const auto target = std::make_shared<datagram_parrot>();
  a.to.add("parrot", target);
  co_await a.begin();
  const std::string first = co_await a.me.ask(packet(somewhere, "one"));
  CHECK(first == packet(somewhere, "one"));
  caller other(a.io);
  other.relay = a.me.relay;
  // What cannot be forwarded moves nothing.
  co_await other.send("torn");
  const std::string still = co_await a.me.ask(packet(somewhere, "still"));
  CHECK(still == packet(somewhere, "still"));
  for (int i = 0; i < 3; ++i) {
    const std::string second = co_await other.ask(packet(somewhere, "two"));
    CHECK(second == packet(somewhere, "two"));
    const std::string back = co_await a.me.ask(packet(elsewhere, "one again"));
    CHECK(back == packet(elsewhere, "one again"));
  }
  CHECK(target->seen.size() == 1);
  CHECK(other.socket.available() == 0);
  co_await a.end();
}

/// Answers when a test asks for it.
class late final : public outbound {
 public:
  awaitable<connection_result> carry(const context&, client&) override { co_return connection_result(); }
  awaitable<connection_result> carry_datagrams(context, std::unique_ptr<datagram_stream> d) override {
    std::array<char, 100> room;
    host_port to;
    std::error_code ec;
    while (!ec) {
      const std::size_t n = co_await d->receive(asio::buffer(room), to, ec);
      if (ec) break;
      held.emplace_back(room.data(), n);
      if (held.back() != "now") continue;
      for (const std::string& answer : held) co_await d->send(asio::buffer(answer), to, ec);
      held.clear();
    }
    co_return connection_result();
  }
  datagram_support support_for_datagrams() const noexcept override { return datagram_support::carried; }
  std::vector<std::string> held;
};

awaitable<> answers_go_to_the_newest_port(association& a) {
  a.to.add("late", std::make_shared<late>());
  co_await a.begin();
  co_await a.me.send(packet(somewhere, "1"));
  caller other(a.io);
  other.relay = a.me.relay;
  co_await other.send(packet(somewhere, "now"));
  for (const char* answer : {"1", "now"}) {
    const std::string heard = co_await other.receive();
    CHECK(heard == packet(somewhere, answer));
  }
  CHECK(a.me.socket.available() == 0);
  co_await a.end();
}

// The client's port is gone: its answers draw ICMP errors. One that is too long is lost, too.
awaitable<> errors_end_nothing(association& a) {
  a.to.add("parrot", std::make_shared<datagram_parrot>());
  co_await a.begin();
  {
    caller gone(a.io);
    gone.relay = a.me.relay;
    for (int i = 0; i < 3; ++i) co_await gone.send(packet(somewhere, "x"));
  }
  for (int i = 0; i < 3; ++i) {
    // An answer to the other port may still be under way, and comes to this one then.
    std::string heard = co_await a.me.ask(packet(somewhere, "y"));
    while (heard == packet(somewhere, "x")) heard = co_await a.me.receive();
    CHECK(heard == packet(somewhere, "y"));
  }
  CHECK(a.to.live() == 1);
  co_await a.end();
}

/// Refuses each association of datagrams.
class refuser final : public outbound {
 public:
  awaitable<connection_result> carry(const context&, client&) override { co_return connection_result(); }
  awaitable<connection_result> carry_datagrams(context, std::unique_ptr<datagram_stream> d) override {
    d->end(end_code::rejected);
    connection_result result;
    result.why = errc::target_rejected;
    co_return result;
  }
  datagram_support support_for_datagrams() const noexcept override { return datagram_support::carried; }
};

awaitable<> is_refused_as(association& a, int code) {
  tcp::acceptor at(a.io, {loopback, 0});
  co_await a.control.async_connect(at.local_endpoint(), asio::use_awaitable);
  auto far = co_await at.async_accept(asio::use_awaitable);
  asio::co_spawn(a.io, a.inbound.serve(make_connection(std::move(far)), a.known, a.to, {}),
                 [&a](std::exception_ptr e) { a.served = !e; });
  co_await write(a.control, greeting + associate());
  const std::string reply = co_await read(a.control, 2 + 10);
  CHECK(static_cast<int>(reply[3]) == code);
  co_await a.end();
}

awaitable<> no_udp_is_counted(association& a) {
  a.to.add("mute", std::make_shared<stages::parrot>());
  a.to.add("able", std::make_shared<datagram_parrot>());
  const auto rules = [](const context&) -> awaitable<outbound_choice> { co_return outbound_choice("mute"); };
  a.to.route_by(rules, true, [](const context&) { return std::vector<std::string>{"mute", "able"}; });
  co_await a.begin();
  for (int i = 0; i < 5; ++i) co_await a.me.send(packet(somewhere, "x"));
  co_await wait_for([&] { return a.to.drops()->count(drop_reason::no_udp) == 5; });
  co_await a.end();
}

awaitable<> has_no_port(association& a) {
  co_await a.begin();
  CHECK(a.me.relay.port() == 0);
  co_await a.end();
}

awaitable<> is_closed_when_idle(association& a) {
  a.to.add("parrot", std::make_shared<datagram_parrot>());
  co_await a.begin();
  co_await a.me.ask(packet(somewhere, "x"));
  const std::string rest = co_await read_all(a.control);
  CHECK(rest == "|");
  co_await a.end();
}

awaitable<> is_refused_quietly(association& a) {
  co_await a.begin();
  for (int i = 0; i < 50; ++i) {
    co_await a.me.send(packet(somewhere, "x"));
    co_await pause(1ms);
  }
  // Not one for each.
  CHECK(a.ended == std::vector<std::string>{"udp:192.0.2.7:53 via out: 0 0 the destination was rejected"});
  CHECK(a.to.drops()->count(drop_reason::refused) == 50);
  co_await a.end();
}

struct direct {
  explicit direct(association& a, bool allow_private, nat_limits limits = {})
      : nat(limits, dial_options(), names, policy) {
    policy.allow_private(allow_private);
    a.to.add("direct", std::make_shared<freedom>(names, policy, dial_options(), relay_options(), &nat));
  }
  resolver names;
  dial_policy policy;
  udp_nat nat;
};

awaitable<> full_cone(association& a) {
  direct out(a, true);
  co_await a.begin();
  const host_port echo("127.0.0.1", a.to_udp_echo().port);
  const std::string answer = co_await a.me.ask(packet(echo, "hello"));
  CHECK(answer == packet(echo, "hello"));
  // Any host may send to the outside port.
  caller third(a.io);
  co_await a.me.send(packet({"127.0.0.1", third.socket.local_endpoint().port()}, "hi"));
  std::array<char, 100> room;
  udp::endpoint outside;
  co_await third.socket.async_receive_from(asio::buffer(room), outside, asio::use_awaitable);
  caller fourth(a.io);
  fourth.relay = outside;
  co_await fourth.send("surprise");
  const std::string from_fourth = co_await a.me.receive();
  CHECK(from_fourth == packet({"127.0.0.1", fourth.socket.local_endpoint().port()}, "surprise"));
  co_await a.end();
  CHECK(out.nat.mappings() == 0);
}

awaitable<> so_many_a_second(association& a) {
  nat_limits limits;
  limits.user_datagrams = {5, 1};
  direct out(a, true, limits);
  co_await a.begin();
  const std::string to_echo = packet({"127.0.0.1", a.to_udp_echo().port}, "hello");
  for (int i = 0; i < 50; ++i) co_await a.me.send(to_echo);
  for (int i = 0; i < 5; ++i) {
    const std::string answer = co_await a.me.receive();
    CHECK(answer == to_echo);
  }
  co_await wait_for([&] { return out.nat.counts().over_rate >= 44; });
  CHECK(a.me.socket.available() == 0);
  co_await a.end();
}

awaitable<> to_refused_ports(association& a) {
  caller amplifier(a.io);
  const std::uint16_t port = amplifier.socket.local_endpoint().port();
  nat_limits limits;
  limits.refused_ports = "19," + std::to_string(port);
  direct out(a, true, limits);
  co_await a.begin();
  const std::string to_echo = packet({"127.0.0.1", a.to_udp_echo().port}, "hello");
  for (int i = 0; i < 3; ++i) {
    co_await a.me.send(packet({"127.0.0.1", port}, "much"));
    const std::string answer = co_await a.me.ask(to_echo);
    CHECK(answer == to_echo);
  }
  CHECK(amplifier.socket.available() == 0);
  const nat_counts counts = out.nat.counts();
  CHECK(counts.refused == 3);
  CHECK(counts.over_rate == 0);
  CHECK(counts.sent == 15);
  CHECK(counts.received == 15);
  co_await a.end();
}

awaitable<> to_its_own_port(association& a) {
  direct out(a, true);
  co_await a.begin();
  caller third(a.io);
  co_await a.me.send(packet({"127.0.0.1", third.socket.local_endpoint().port()}, "hi"));
  std::array<char, 100> room;
  udp::endpoint outside;
  co_await third.socket.async_receive_from(asio::buffer(room), outside, asio::use_awaitable);
  co_await a.me.send(packet({"127.0.0.1", outside.port()}, "to myself"));
  const host_port echo("127.0.0.1", a.to_udp_echo().port);
  const std::string next = co_await a.me.ask(packet(echo, "hello"));
  CHECK(next == packet(echo, "hello"));
  co_await a.end();
}

awaitable<> policy_for_each(association& a) {
  direct out(a, false);
  co_await a.begin();
  co_await a.me.send(packet({"127.0.0.1", a.to_udp_echo().port}, "hello"));
  co_await pause(20ms);
  CHECK(a.me.socket.available() == 0);
  co_await a.end();
}

// Each datagram is checked against the policy, not only the first one (L7).
awaitable<> policy_after_the_first(association& a) {
  direct out(a, true);
  caller forbidden(a.io);
  const udp::endpoint there = forbidden.socket.local_endpoint();
  out.policy.own_listener({there.address(), there.port()});
  co_await a.begin();
  const std::string to_echo = packet({"127.0.0.1", a.to_udp_echo().port}, "hello");
  for (int i = 0; i < 2; ++i) {
    const std::string answer = co_await a.me.ask(to_echo);
    CHECK(answer == to_echo);
    co_await a.me.send(packet({"127.0.0.1", there.port()}, "x"));
    co_await a.me.send(packet({"::ffff:127.0.0.1", there.port()}, "x"));
  }
  const std::string still = co_await a.me.ask(to_echo);
  CHECK(still == to_echo);
  CHECK(forbidden.socket.available() == 0);
  co_await a.end();
}

awaitable<> through_a_server(chain& c) {
  tcp::socket control = co_await c.connect();
  caller me(c.io);
  me.relay = co_await associated(control);
  const host_port echo("127.0.0.1", c.to_udp_echo().port);
  const std::string answer = co_await me.ask(packet(echo, "hello"));
  CHECK(answer == packet(echo, "hello"));
  caller third(c.io);
  const host_port to_third("127.0.0.1", third.socket.local_endpoint().port());
  co_await me.send(packet(to_third, "hi"));
  std::array<char, 100> room;
  udp::endpoint outside;
  co_await third.socket.async_receive_from(asio::buffer(room), outside, asio::use_awaitable);
  third.relay = outside;
  co_await third.send("back");
  const std::string back = co_await me.receive();
  CHECK(back == packet(to_third, "back"));
  // The same socket in a new association has the same outside port.
  control.close();
  co_await wait_for([&] { return c.server.streams() == 0; });
  CHECK(c.server.nat.mappings() == 1);
  tcp::socket again = co_await c.connect();
  me.relay = co_await associated(again);
  co_await me.send(packet(to_third, "hi"));
  udp::endpoint outside_again;
  co_await third.socket.async_receive_from(asio::buffer(room), outside_again, asio::use_awaitable);
  CHECK(outside_again == outside);
  // Another socket has another one.
  tcp::socket yet_another = co_await c.connect();
  caller other(c.io);
  other.relay = co_await associated(yet_another);
  co_await other.send(packet(to_third, "hi"));
  co_await third.socket.async_receive_from(asio::buffer(room), outside_again, asio::use_awaitable);
  CHECK(outside_again != outside);
  CHECK(c.server.nat.mappings() == 2);
}

}  // namespace

TEST_CASE("datagrams: a client's go out and answers come back", "[proxy][udp]") {
  association().run(goes_and_comes);
}
TEST_CASE("datagrams: fragments and torn ones are dropped", "[proxy][udp]") {
  association().run(drops_what_is_not_the_clients);
}
TEST_CASE("datagrams: those from another address than the connection's are dropped", "[proxy][udp]") {
  association({}, asio::ip::make_address("127.0.0.2")).run(hears_nobody_else);
}
TEST_CASE("datagrams: a declared address and its port are ignored", "[proxy][udp]") {
  association().run(says_nothing_about_its_port);
}
TEST_CASE("datagrams: a client that changes its port keeps its association", "[proxy][udp]") {
  association().run(changes_its_port);
}
TEST_CASE("datagrams: answers under way go to the port that a client has changed to", "[proxy][udp]") {
  association().run(answers_go_to_the_newest_port);
}
TEST_CASE("datagrams: an error about one of them ends no association", "[proxy][udp]") {
  association().run(errors_end_nothing);
}
TEST_CASE("datagrams: an association that leads nowhere is refused", "[proxy][udp]") {
  association without, to_the_hole;
  without.to.add("mute", std::make_shared<stages::parrot>());
  without.run([](association& a) { return is_refused_as(a, 7); });
  to_the_hole.to.add("hole", std::make_shared<blackhole>());
  to_the_hole.run([](association& a) { return is_refused_as(a, 2); });
}
TEST_CASE("datagrams: those that reach an outbound without UDP are counted", "[proxy][udp]") {
  association().run(no_udp_is_counted);
}
TEST_CASE("datagrams: there is a bound on associations, and they can be off", "[proxy][udp]") {
  socks_inbound_options none, off;
  none.max_associations = 0;
  off.udp = false;
  association(none).run(has_no_port);
  association(off).run(has_no_port);
}
TEST_CASE("datagrams: an association without any is closed", "[proxy][udp]") {
  socks_inbound_options options;
  options.relay.idle = 30ms;
  association(options).run(is_closed_when_idle);
}
TEST_CASE("datagrams: a refusal lasts for a while", "[proxy][udp]") {
  association a;
  a.to.add("out", std::make_shared<refuser>());
  a.run(is_refused_quietly);
}
TEST_CASE("datagrams: a blackhole takes them all", "[proxy][udp]") {
  association a;
  a.to.add("hole", std::make_shared<blackhole>());
  a.to.add("able", std::make_shared<datagram_parrot>());
  a.to.route_by([](const context&) -> awaitable<outbound_choice> { co_return outbound_choice("hole"); });
  a.run([](association& x) -> awaitable<> {
    co_await x.begin();
    for (int i = 0; i < 5; ++i) co_await x.me.send(packet(somewhere, "x"));
    co_await pause(10ms);
    CHECK(x.to.live() == 1);
    co_await x.end();
    CHECK(x.ended == std::vector<std::string>{"udp:192.0.2.7:53 via hole: 5 0 the destination was rejected"});
  });
}
TEST_CASE("datagrams: straight out, full cone", "[proxy][udp]") { association().run(full_cone); }
TEST_CASE("datagrams: a user may send so many in a second", "[proxy][udp]") {
  association().run(so_many_a_second);
}

TEST_CASE("datagrams: nothing goes to a port that is refused, and what goes is counted (L3)",
          "[proxy][udp]") {
  association().run(to_refused_ports);
}
TEST_CASE("datagrams: what is sent to its own outside port is dropped there", "[proxy][udp]") {
  association().run(to_its_own_port);
}
TEST_CASE("datagrams: each one's address is judged", "[proxy][udp]") { association().run(policy_for_each); }
TEST_CASE("datagrams: each one's address is judged, not only the first one's", "[proxy][udp]") {
  association().run(policy_after_the_first);
}
TEST_CASE("datagrams: over a server, full cone, and the same port for a returning source", "[proxy][udp]") {
  chain(std::make_shared<socks_inbound>(socks_inbound_options())).run(through_a_server);
}
