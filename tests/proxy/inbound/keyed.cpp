// VLESS and Trojan as a server.
#include "keyed.hpp"

#include "proxy/engine/stats.hpp"

namespace {

using namespace keyed_test;

awaitable<> talks(standing& x, protocol p) {
  tcp::socket s = co_await x.connect();
  co_await write(s, p.head(x.to_echo()) + "hello");
  const std::string heard = co_await read(s, p.response_text.size() + 5);
  CHECK(heard == p.response_text + "hello");
  co_await write(s, "more");
  s.shutdown(tcp::socket::shutdown_send);
  const std::string rest = co_await read_all(s);
  CHECK(rest == "more|");
}

awaitable<> comes_byte_by_byte(standing& x, protocol p) {
  tcp::socket s = co_await x.connect();
  s.set_option(tcp::no_delay(true));
  for (const char c : p.head(x.to_echo()) + "hi") {
    co_await write(s, std::string(1, c));
    co_await pause(200us);
  }
  const std::string heard = co_await read(s, p.response_text.size() + 2);
  CHECK(heard == p.response_text + "hi");
}

// The server sends no byte before the target does.
awaitable<> answers_with_the_target(standing& x, protocol p) {
  tcp::acceptor target(x.io, {loopback, 0});
  tcp::socket s = co_await x.connect();
  co_await write(s, p.head({network::tcp, "127.0.0.1", target.local_endpoint().port()}));
  tcp::socket there = co_await target.async_accept(asio::use_awaitable);
  co_await pause(20ms);
  CHECK(s.available() == 0);
  co_await write(there, "220 hello");
  std::array<char, 100> room;
  const auto [error, n] = co_await s.async_read_some(asio::buffer(room), as_result);
  CHECK(std::string(room.data(), n) == p.response_text + "220 hello");
  // It ends first: the client may still send.
  there.shutdown(tcp::socket::shutdown_send);
  const std::string end = co_await read_all(s);
  CHECK(end == "|");
  co_await write(s, "bye");
  const std::string heard = co_await read(there, 3);
  CHECK(heard == "bye");
}

awaitable<> ends_without_a_byte(standing& x, protocol p) {
  tcp::acceptor target(x.io, {loopback, 0});
  tcp::socket s = co_await x.connect();
  co_await write(s, p.head({network::tcp, "127.0.0.1", target.local_endpoint().port()}));
  tcp::socket there = co_await target.async_accept(asio::use_awaitable);
  there.close();
  const std::string heard = co_await read_all(s);
  CHECK(heard == p.response_text + "|");
}

awaitable<> closes(standing& x, std::string wire) {
  tcp::socket s = co_await x.connect();
  co_await write(s, std::move(wire));
  const std::string heard = co_await read_all(s);
  CHECK(heard == "|");
}

awaitable<> turns_strangers_away(standing& x, protocol p) {
  std::string other_user = p.head(x.to_echo());
  other_user[3] = static_cast<char>(other_user[3] ^ 1);
  co_await closes(x, other_user);
  co_await closes(x, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  // A user requests an unknown command.
  std::string command = p.head(x.to_echo());
  command[p.name == "vless" ? 18 : 58] = 9;
  co_await closes(x, command);
  const std::vector<std::string> lines = x.log();
  CHECK(std::count_if(lines.begin(), lines.end(), [](const std::string& l) {
          return l.find("authentication failed from 127.0.0.1 port ") != std::string::npos;
        }) == 2);
  CHECK(std::count_if(lines.begin(), lines.end(), [&](const std::string& l) {
          return l.find("command is unknown") != std::string::npos && l.find("alice") != std::string::npos;
        }) == 1);
}

awaitable<> hangs_up(standing& x, protocol p) {
  tcp::socket s = co_await x.connect();
  co_await write(s, p.head(x.to_echo()).substr(0, 10));
  const std::string heard = co_await read_all(s);
  CHECK(heard == "!");
}

awaitable<> cannot_reach(standing& x, protocol p) {
  tcp::socket s = co_await x.connect();
  co_await write(s, p.head({network::tcp, "127.0.0.1", 1}) + "hello");
  const std::string heard = co_await read_all(s);
  CHECK(heard == "!");
}

awaitable<> carries_datagrams(standing& x, protocol p) {
  tcp::socket s = co_await x.connect();
  const host_port echo(x.to_udp_echo().host, x.to_udp_echo().port);
  std::string wire = p.head(x.to_udp_echo()), expected = p.response_text;
  for (const char* what : {"one", "two"}) {
    wire += p.packet(echo, what);
    expected += p.packet(echo, what);
  }
  co_await write(s, wire);
  const std::string heard = co_await read(s, expected.size());
  CHECK(heard == expected);
  // Cut inside of a datagram.
  const std::string three = p.packet(echo, std::string(1400, '3'));
  co_await write(s, three.substr(0, 3));
  co_await pause(5ms);
  co_await write(s, three.substr(3));
  const std::string more = co_await read(s, three.size());
  CHECK(more == three);
  s.shutdown(tcp::socket::shutdown_send);
  const std::string end = co_await read_all(s);
  CHECK(end.size() == 1);
}

awaitable<> sends_to_many(standing& x, protocol p) {
  udp::socket other(x.io, {loopback, 0});
  asio::co_spawn(x.io, serve_udp_echo(other), asio::detached);
  tcp::socket s = co_await x.connect();
  const host_port first(x.to_udp_echo().host, x.to_udp_echo().port);
  const host_port second("127.0.0.1", other.local_endpoint().port());
  co_await write(s, p.head(x.to_udp_echo()) + p.packet(first, "a"));
  const std::string one = co_await read(s, p.packet(first, "a").size());
  CHECK(one == p.packet(first, "a"));
  co_await write(s, p.packet(second, "b"));
  const std::string two = co_await read(s, p.packet(second, "b").size());
  CHECK(two == p.packet(second, "b"));
  other.close();
}

// The program trojan hands on what a client of SOCKS asks for: 0.0.0.0:0, or the client's own address.
const destination no_target(network::udp, "0.0.0.0", 0), own_address(network::udp, "192.168.1.5", 50000);

awaitable<> goes_by_its_first_datagram(standing& x, protocol p, destination asked) {
  tcp::socket s = co_await x.connect();
  co_await write(s, p.head(asked));
  co_await pause(5ms);
  const host_port echo(x.to_udp_echo().host, x.to_udp_echo().port);
  const std::string one = p.packet(echo, "one");
  co_await write(s, one.substr(0, 9));
  co_await pause(5ms);
  co_await write(s, one.substr(9));
  const std::string heard = co_await read(s, one.size());
  CHECK(heard == one);
  s.close();
  co_await wait_for([&] { return !x.log().empty(); });
  CHECK(x.log()[0].find(fmt::format("{}", x.to_udp_echo())) != std::string::npos);
}

awaitable<> sends_no_datagram(standing& x, protocol p) {
  tcp::socket idle = co_await x.connect(), leaving = co_await x.connect(), wrong = co_await x.connect();
  co_await write(idle, p.head(no_target));
  co_await write(leaving, p.head(no_target) + "\1");
  leaving.shutdown(tcp::socket::shutdown_send);
  const std::string left = co_await read_all(leaving);
  CHECK(left == "|");
  co_await write(wrong, p.head(no_target) + "\t");
  const std::string cut = co_await read_all(wrong);
  CHECK(cut == "!");
  const std::string late = co_await read_all(idle);
  CHECK(late == "|");
}

awaitable<> waits_at_the_end(standing& x, protocol p) {
  tcp::socket s = co_await x.connect();
  co_await write(s, p.head(no_target));
  co_await pause(5ms);
}

void with_both(awaitable<> (*work)(standing&, protocol),
               std::function<void(keyed_inbound_options&)> change = {}) {
  for (const protocol& p : both()) {
    INFO(p.name);
    keyed_inbound_options o = p.inbound_options();
    if (change) change(o);
    standing(std::make_shared<keyed_inbound>(o)).run([&](standing& x) { return work(x, p); });
  }
}

}  // namespace

TEST_CASE("keyed inbound: a connection and its half-close", "[proxy][keyed]") { with_both(talks); }
TEST_CASE("keyed inbound: a head byte by byte", "[proxy][keyed]") { with_both(comes_byte_by_byte); }
TEST_CASE("keyed inbound: the response goes with the target's first bytes", "[proxy][keyed]") {
  with_both(answers_with_the_target);
}
TEST_CASE("keyed inbound: a target that ends without a byte", "[proxy][keyed]") {
  with_both(ends_without_a_byte);
}
TEST_CASE("keyed inbound: strangers get no byte", "[proxy][keyed]") { with_both(turns_strangers_away); }
TEST_CASE("keyed inbound: a head that does not come in time", "[proxy][keyed]") {
  with_both(hangs_up, [](keyed_inbound_options& o) { o.handshake = 50ms; });
}
TEST_CASE("keyed inbound: a target that cannot be reached is a cut", "[proxy][keyed]") {
  with_both(cannot_reach);
}
TEST_CASE("keyed inbound: datagrams", "[proxy][keyed]") { with_both(carries_datagrams); }
TEST_CASE("keyed inbound: datagrams of Trojan go anywhere", "[proxy][keyed]") {
  const protocol p = of_trojan();
  standing(p.made()).run([&](standing& x) { return sends_to_many(x, p); });
}
TEST_CASE("keyed inbound: datagrams of Trojan have the target of the first one", "[proxy][keyed]") {
  const protocol p = of_trojan();
  for (const destination& asked : {no_target, own_address})
    standing(p.made()).run([&](standing& x) { return goes_by_its_first_datagram(x, p, asked); });
}
TEST_CASE("keyed inbound: a client of Trojan that sends no datagram", "[proxy][keyed]") {
  const protocol p = of_trojan();
  keyed_inbound_options o = p.inbound_options();
  o.relay.idle = 50ms;
  standing(std::make_shared<keyed_inbound>(o)).run([&](standing& x) { return sends_no_datagram(x, p); });
}
TEST_CASE("keyed inbound: a server ends while a client of Trojan has sent no datagram", "[proxy][keyed]") {
  const protocol p = of_trojan();
  standing(p.made()).run([&](standing& x) { return waits_at_the_end(x, p); });
}
