// By way of a SOCKS server, this library's own one and others.
#include "by_server.hpp"

#include "proxy/inbound/socks.hpp"
#include "proxy/outbound/socks.hpp"
#include "proxy/policy/dial_outcome.hpp"

namespace {

using namespace loopback_test;
using front = by_server<socks_outbound, socks_outbound_options>;

std::shared_ptr<const inbound> server(bool with_users = false) {
  socks_inbound_options o;
  if (with_users) o.users.add("alice", "secret");
  return std::make_shared<socks_inbound>(std::move(o));
}

awaitable<> talks(standing& x, socks_outbound_options o) {
  front f(x.io, x.at, std::move(o));
  {
    target_link link = f.open(x.to_echo());
    const auto [outcome] = co_await link.async_wait_for_target(as_result);
    CHECK_FALSE(outcome);
    const std::string heard = co_await say(link, "hello");
    CHECK(heard == "hello");
    co_await link.stream.async_shutdown();
    const std::string end = co_await end_of(link);
    CHECK(end == "|");
  }
  co_await wait_for([&] { return f.ended.size() == 1; });
  CHECK(f.ended[0].up == 5);
  CHECK(f.ended[0].down == 5);
  CHECK_FALSE(f.ended[0].why);
}

awaitable<dial_outcome> outcome_by(asio::io_context& io, tcp::endpoint at, destination target,
                                   socks_outbound_options o = {}) {
  front f(io, at, std::move(o));
  target_link link = f.open(target);
  const auto [outcome] = co_await link.async_wait_for_target(as_result);
  co_return outcome_of(outcome);
}

awaitable<> refusals_come_through(standing& x) {
  const dial_outcome nobody = co_await outcome_by(x.io, x.at, {network::tcp, "127.0.0.1", 1});
  CHECK(nobody == dial_outcome::refused);
  const dial_outcome blocked = co_await outcome_by(x.io, x.at, {network::tcp, "blocked.example", 80});
  CHECK(blocked == dial_outcome::rejected);
}

awaitable<> wrong_servers(targets& x) {
  // The echo returns our greeting, which is no answer.
  const tcp::endpoint echo = x.tcp_echo.local_endpoint();
  socks_outbound_options o;
  o.handshake = 50ms;
  const dial_outcome no_socks = co_await outcome_by(x.io, echo, x.to_echo(), o);
  CHECK(no_socks == dial_outcome::failed);
  tcp::acceptor mute(x.io, {loopback, 0});
  const dial_outcome late = co_await outcome_by(x.io, mute.local_endpoint(), x.to_echo(), o);
  CHECK(late == dial_outcome::timed_out);
  mute.close();
  const dial_outcome nobody = co_await outcome_by(x.io, {loopback, 1}, x.to_echo(), o);
  CHECK(nobody == dial_outcome::host_unreachable);
}

awaitable<> a_target_that_speaks_first(targets& x) {
  tcp::acceptor at(x.io, {loopback, 0});
  front f(x.io, at.local_endpoint());
  target_link link = f.open(x.to_echo());
  tcp::socket server = co_await at.async_accept(asio::use_awaitable);
  const std::string greeting = co_await read(server, 3);
  CHECK(greeting == std::string("\x05\x01\x00", 3));
  // The reply, and the target's first bytes with it.
  const std::string method("\x05\x00", 2), reply("\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00", 10);
  co_await write(server, method);
  co_await read(server, 10);
  co_await write(server, reply + "220 hello");
  const auto [outcome] = co_await link.async_wait_for_target(as_result);
  CHECK_FALSE(outcome);
  std::string heard(9, ' ');
  co_await asio::async_read(link.stream, asio::buffer(heard), as_result);
  CHECK(heard == "220 hello");
  // The server dies: a cut, and no end.
  server.set_option(asio::socket_base::linger(true, 0));
  server.close();
  char c = 0;
  const auto [error, n] = co_await link.stream.async_read_some(asio::buffer(&c, 1), as_result);
  CHECK(error == asio::error::connection_reset);
  co_await wait_for([&] { return f.to.live() == 0; });
}

awaitable<> is_given_up(targets& x) {
  tcp::acceptor mute(x.io, {loopback, 0});
  front f(x.io, mute.local_endpoint());
  {
    const target_link link = f.open(x.to_echo());
    co_await pause(10ms);
  }
  co_await wait_for([&] { return f.to.live() == 0; });
}

void with_targets(std::function<awaitable<>(targets&)> work) {
  targets x;
  x.run<targets>(x, std::move(work));
}

}  // namespace

TEST_CASE("socks outbound: connections go by way of the server", "[proxy][socks]") {
  standing(server()).run([](standing& x) { return talks(x, {}); });
  socks_outbound_options o;
  o.credentials = socks_credentials{"alice", "secret"};
  standing(server(true)).run([o](standing& x) { return talks(x, o); });
}
TEST_CASE("socks outbound: the wrong secret is a refusal", "[proxy][socks]") {
  standing(server(true)).run([](standing& x) -> awaitable<> {
    socks_outbound_options o;
    o.credentials = socks_credentials{"alice", "wrong"};
    const dial_outcome wrong = co_await outcome_by(x.io, x.at, x.to_echo(), o);
    CHECK(wrong == dial_outcome::rejected);
  });
}
TEST_CASE("socks outbound: the server's code for a target is passed on", "[proxy][socks]") {
  standing(server()).run(refusals_come_through);
}
TEST_CASE("socks outbound: other servers, silent ones and missing ones have errors of their own",
          "[proxy][socks]") {
  with_targets(wrong_servers);
}
TEST_CASE("socks outbound: a target may send first, and its cut is one", "[proxy][socks]") {
  with_targets(a_target_that_speaks_first);
}
TEST_CASE("socks outbound: a server is not waited for after its client has gone", "[proxy][socks]") {
  with_targets(is_given_up);
}
