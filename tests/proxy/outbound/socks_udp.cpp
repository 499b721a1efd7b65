// Datagrams by way of a SOCKS server: this library's own one, and scripted ones.
#include "by_server.hpp"
#include "stages.hpp"

#include "proxy/inbound/socks.hpp"
#include "proxy/outbound/socks.hpp"

namespace {

using namespace loopback_test;
using namespace std::string_literals;
using front = by_server<socks_outbound, socks_outbound_options>;

std::shared_ptr<const inbound> server(bool with_users = false) {
  socks_inbound_options o;
  if (with_users) o.users.add("alice", "secret");
  return std::make_shared<socks_inbound>(std::move(o));
}

awaitable<> send(datagram_stream& to, std::string what, host_port where) {
  std::error_code ec;
  co_await to.send(asio::buffer(what), where, ec);
  CHECK_FALSE(ec);
}

/// A datagram with its peer, or how the stream has ended.
awaitable<std::string> receive(datagram_stream& from) {
  std::array<char, 3000> room;
  host_port peer;
  std::error_code ec;
  const std::size_t n = co_await from.receive(asio::buffer(room), peer, ec);
  if (ec) co_return ec.message();
  co_return to_string(peer) + " " + std::string(room.data(), n);
}

host_port place(const destination& d) { return {d.host, d.port}; }

awaitable<> talks(standing& x, socks_outbound_options o) {
  front f(x.io, x.at, std::move(o));
  auto flow = f.open_datagrams(x.to_udp_echo());
  const host_port echo = place(x.to_udp_echo());
  for (const char* what : {"one", "", "three"}) {
    co_await send(*flow, what, echo);
    const std::string heard = co_await receive(*flow);
    CHECK(heard == to_string(echo) + " " + what);
  }
  // The server resolves names, and reports which address has answered.
  co_await send(*flow, "by name", host_port("localhost.test", echo.port));
  const std::string heard = co_await receive(*flow);
  CHECK(heard == to_string(echo) + " by name");
  flow.reset();
  co_await wait_for([&] { return f.ended.size() == 1 && x.nat.mappings() == 0; });
  CHECK(f.ended[0].up == 15);
  CHECK(f.ended[0].down == 15);
  CHECK_FALSE(f.ended[0].why);
}

awaitable<> full_cone(standing& x) {
  front f(x.io, x.at);
  auto flow = f.open_datagrams(x.to_udp_echo());
  udp::socket third(x.io, {loopback, 0}), fourth(x.io, {loopback, 0});
  co_await send(*flow, "hi", host_port("127.0.0.1", third.local_endpoint().port()));
  std::array<char, 100> room;
  udp::endpoint outside;
  co_await third.async_receive_from(asio::buffer(room), outside, asio::use_awaitable);
  co_await fourth.async_send_to(asio::buffer("surprise", 8), outside, asio::use_awaitable);
  const std::string heard = co_await receive(*flow);
  CHECK(heard == fmt::format("127.0.0.1:{} surprise", fourth.local_endpoint().port()));
  // Another flow has an association and an outside port of its own.
  auto other = f.open_datagrams(x.to_udp_echo());
  co_await send(*other, "hi", host_port("127.0.0.1", third.local_endpoint().port()));
  udp::endpoint other_outside;
  co_await third.async_receive_from(asio::buffer(room), other_outside, asio::use_awaitable);
  CHECK(other_outside != outside);
  flow.reset();
  other.reset();
  co_await wait_for([&] { return f.to.live() == 0; });
}

// A sub-stream of version 0.0 is tied to its target. Datagrams of other sources are no answer.
awaitable<> one_target_alone(standing& x) {
  front f(x.io, x.at);
  udp::socket target(x.io, {loopback, 0}), other(x.io, {loopback, 0});
  const std::uint16_t port = target.local_endpoint().port();
  auto flow = f.open_datagrams({network::udp, "localhost.test", port}, false);
  co_await send(*flow, "hi", host_port("localhost.test", port));
  std::array<char, 100> room;
  udp::endpoint outside;
  co_await target.async_receive_from(asio::buffer(room), outside, asio::use_awaitable);
  co_await target.async_send_to(asio::buffer("first", 5), outside, asio::use_awaitable);
  const std::string first = co_await receive(*flow);
  CHECK(first == fmt::format("127.0.0.1:{} first", port));
  co_await other.async_send_to(asio::buffer("surprise", 8), outside, asio::use_awaitable);
  co_await target.async_send_to(asio::buffer("answer", 6), outside, asio::use_awaitable);
  const std::string heard = co_await receive(*flow);
  CHECK(heard == fmt::format("127.0.0.1:{} answer", port));
  CHECK(f.to.drops()->count(drop_reason::foreign_sender) == 1);
  flow.reset();
  co_await wait_for([&] { return f.to.live() == 0; });
}

/// A server that a test controls.
struct scripted {
  explicit scripted(asio::io_context& io) : at(io, {loopback, 0}), control(io), relay(io, {loopback, 0}) {}
  /// Answers the next client with `reply`, REP to BND.PORT, and its own port if that is empty.
  awaitable<> associate(std::string reply = "") {
    control = co_await at.async_accept(asio::use_awaitable);
    const std::string greeting = co_await read(control, 3);
    CHECK(greeting == "\x05\x01\x00"s);
    co_await write(control, "\x05\x00"s);
    const std::string request = co_await read(control, 10);
    CHECK(request == "\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00"s);
    const std::uint16_t port = relay.local_endpoint().port();
    if (reply.empty())
      reply = "\x00\x00\x01\x00\x00\x00\x00"s + static_cast<char>(port >> 8) + static_cast<char>(port & 255);
    co_await write(control, "\x05"s + reply);
  }
  awaitable<std::string> receive(udp::endpoint& from) {
    std::array<char, 3000> room;
    const std::size_t n = co_await relay.async_receive_from(asio::buffer(room), from, asio::use_awaitable);
    co_return std::string(room.data(), n);
  }
  tcp::acceptor at;
  tcp::socket control;
  udp::socket relay;
};

const std::string header = "\x00\x00\x00\x01\xc0\x00\x02\x07\x00\x35"s;
const destination somewhere(network::udp, "192.0.2.7", 53);

// Of the datagrams that come, only the last one is an answer.
awaitable<> takes_answers_alone(targets& x) {
  scripted s(x.io);
  front f(x.io, s.at.local_endpoint());
  auto flow = f.open_datagrams(somewhere);
  co_await send(*flow, "hi", place(somewhere));
  co_await s.associate();
  udp::endpoint client;
  const std::string heard = co_await s.receive(client);
  CHECK(heard == header + "hi");
  udp::socket stranger(x.io, {loopback, 0});
  const auto say = [&](udp::socket& from, std::string what) -> awaitable<> {
    co_await from.async_send_to(asio::buffer(what), client, asio::use_awaitable);
  };
  co_await say(stranger, header + "forged");
  co_await say(s.relay, "\x00\x00\x01"s + header.substr(3) + "a fragment");
  co_await say(s.relay, header.substr(0, 9));
  co_await say(s.relay, "");
  co_await say(s.relay, header + "answer");
  const std::string answer = co_await receive(*flow);
  CHECK(answer == "192.0.2.7:53 answer");
  CHECK(f.to.drops()->count(drop_reason::foreign_sender) == 1);
  CHECK(f.to.drops()->count(drop_reason::malformed) == 3);
  flow.reset();
  // Its association ends with it.
  const std::string rest = co_await read_all(s.control);
  CHECK(rest == "|");
  co_await wait_for([&] { return f.to.live() == 0; });
}

awaitable<> ends_with_its_connection(targets& x) {
  scripted s(x.io);
  front f(x.io, s.at.local_endpoint());
  auto flow = f.open_datagrams(somewhere);
  co_await send(*flow, "hi", place(somewhere));
  co_await s.associate();
  udp::endpoint client;
  co_await s.receive(client);
  s.control.close();
  const std::string heard = co_await receive(*flow);
  CHECK(heard == make_error_code(end_code::remote_disconnect).message());
  co_await wait_for([&] { return f.ended.size() == 1; });
  CHECK(f.ended[0].why == end_code::remote_disconnect);
}

// There is no socket at the relay's port: the system reports it, and the next datagram goes out all the same.
// One that is too long for its header is lost.
awaitable<> errors_end_nothing(targets& x) {
  scripted s(x.io);
  front f(x.io, s.at.local_endpoint());
  auto flow = f.open_datagrams(somewhere);
  co_await send(*flow, "hi", place(somewhere));
  co_await s.associate();
  udp::endpoint client;
  co_await s.receive(client);
  const udp::endpoint relay = s.relay.local_endpoint();
  s.relay.close();
  for (int i = 0; i < 3; ++i) {
    co_await send(*flow, "lost", place(somewhere));
    co_await pause(1ms);
  }
  s.relay = udp::socket(x.io, relay);
  co_await send(*flow, std::string(max_datagram, 'x'), place(somewhere));
  co_await send(*flow, "again", place(somewhere));
  const std::string heard = co_await s.receive(client);
  CHECK(heard == header + "again");
  CHECK(f.to.drops()->count(drop_reason::not_sent) == 1);
  CHECK(f.to.live() == 1);
  flow.reset();
  co_await wait_for([&] { return f.to.live() == 0; });
}

awaitable<> refusals(targets& x) {
  scripted s(x.io);
  front f(x.io, s.at.local_endpoint());
  for (const int code : {2, 1}) {
    auto flow = f.open_datagrams(somewhere);
    co_await send(*flow, "hi", place(somewhere));
    co_await s.associate(static_cast<char>(code) + "\x00\x01\x00\x00\x00\x00\x00\x00"s);
    const std::string heard = co_await receive(*flow);
    CHECK(heard == make_error_code(code == 2 ? end_code::rejected : end_code::remote_disconnect).message());
  }
  // A server without UDP, or without a port for it.
  auto flow = f.open_datagrams(somewhere);
  for (int i = 0; i < 3; ++i) co_await send(*flow, "hi", place(somewhere));
  co_await s.associate("\x07\x00\x01\x00\x00\x00\x00\x00\x00"s);
  co_await wait_for([&] { return f.to.drops()->count(drop_reason::no_udp) == 3; });
  const std::string heard = co_await receive(*flow);
  CHECK(heard == make_error_code(end_code::rejected).message());
  auto other = f.open_datagrams(somewhere);
  co_await s.associate("\x00\x00\x01\x7f\x00\x00\x01\x00\x00"s);
  const std::string no_port = co_await receive(*other);
  CHECK(no_port == make_error_code(end_code::protocol_error).message());
  co_await wait_for([&] { return f.to.live() == 0; });
}

void with_targets(std::function<awaitable<>(targets&)> work) {
  targets x;
  x.run<targets>(x, std::move(work));
}

}  // namespace

TEST_CASE("socks outbound: datagrams go by way of the server", "[proxy][socks][udp]") {
  const auto pinned = [](standing& x) { x.names.pin("localhost.test", {loopback}); };
  standing open(server());
  pinned(open);
  open.run([](standing& x) { return talks(x, {}); });
  standing closed(server(true));
  pinned(closed);
  socks_outbound_options o;
  o.credentials = socks_credentials{"alice", "secret"};
  closed.run([o](standing& x) { return talks(x, o); });
}
TEST_CASE("socks outbound: a flow is full cone and has an association of its own", "[proxy][socks][udp]") {
  standing(server()).run(full_cone);
}
TEST_CASE("socks outbound: a flow that is tied to its target has answers of that alone",
          "[proxy][socks][udp]") {
  standing x(server());
  x.names.pin("localhost.test", {loopback});
  x.run(one_target_alone);
}
TEST_CASE("socks outbound: only datagrams of the server's relay are answers", "[proxy][socks][udp]") {
  with_targets(takes_answers_alone);
}
TEST_CASE("socks outbound: datagrams end with the connection that they were asked for by",
          "[proxy][socks][udp]") {
  with_targets(ends_with_its_connection);
}
TEST_CASE("socks outbound: an error about one datagram ends no association", "[proxy][socks][udp]") {
  with_targets(errors_end_nothing);
}
TEST_CASE("socks outbound: a refused UDP ASSOCIATE ends the flow, and without UDP it is counted",
          "[proxy][socks][udp]") {
  with_targets(refusals);
}
