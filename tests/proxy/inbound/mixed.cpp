// SOCKS and HTTP on one port, through a client and a server, and what becomes of them when something is
// killed.
#include "loopback.hpp"

#include "proxy/inbound/mixed.hpp"

#include <fmt/format.h>

namespace {

using namespace loopback_test;
using namespace std::string_literals;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

const std::string established = "HTTP/1.1 200 Connection established\r\n\r\n";

std::shared_ptr<const inbound> mixed(mixed_inbound_options options = {}) {
  return std::make_shared<mixed_inbound>(options);
}

std::string connect_to(std::uint16_t port) {
  return fmt::format("CONNECT 127.0.0.1:{0} HTTP/1.1\r\nHost: 127.0.0.1:{0}\r\n\r\n", port);
}

std::string socks_to(std::uint16_t port) {
  return "\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01"s + static_cast<char>(port >> 8) +
         static_cast<char>(port);
}
constexpr std::size_t socks_replies = 2 + 10;

std::string get_from(std::uint16_t port) {
  return fmt::format("GET http://127.0.0.1:{0}/ HTTP/1.1\r\nHost: 127.0.0.1:{0}\r\n\r\n", port);
}

awaitable<std::string> ask(chain& c, std::string what, std::size_t answer) {
  tcp::socket s = co_await c.connect();
  co_await write(s, std::move(what));
  co_return co_await read(s, answer);
}

awaitable<> both_are_served(chain& c) {
  const std::uint16_t port = c.to_echo().port;
  const std::string http = co_await ask(c, connect_to(port) + "hello", established.size() + 5);
  CHECK(http == established + "hello");
  const std::string socks = co_await ask(c, socks_to(port) + "hello", socks_replies + 5);
  CHECK_THAT(socks, StartsWith("\x05\x00\x05\x00"s) && EndsWith("hello"));
  // The target echoes the request, which is no answer.
  const std::string plain = co_await ask(c, get_from(port), 20);
  CHECK_THAT(plain, StartsWith("HTTP/1.1 502 Bad Gat"));
}

// What begins like SOCKS and does not go on is cut, all else is a request of HTTP that makes no sense.
awaitable<> nobody_answers_noise(chain& c) {
  const std::pair<std::string, std::string> noises[] = {{"\x04"s, ""},
                                                        {"\x05\xff"s, ""},
                                                        {"\x06\x01\x00\r\n\r\n"s, "HTTP/1.1 400 "},
                                                        {"\x16\x03\x01\x00\xa5"s, "HTTP/1.1 400 "}};
  for (int i = 0; i < 20; ++i)
    for (const auto& [noise, answer] : noises) {
      tcp::socket s = co_await c.connect();
      co_await write(s, noise);
      s.shutdown(tcp::socket::shutdown_send);
      const std::string heard = co_await read_all(s);
      if (answer.empty()) CHECK(heard == "|");
      if (!answer.empty()) CHECK_THAT(heard, StartsWith(answer) && EndsWith("\n|"));
    }
  CHECK(c.log().empty());
}

// The refusal must outlive the megabyte that the client still sends.
awaitable<> a_refusal_arrives(chain& c) {
  const std::size_t size = 1 << 20;
  tcp::socket s = co_await c.connect();
  co_await write(
      s, fmt::format("POST http://127.0.0.1:1/ HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", size));
  const std::string refused = co_await read(s, 12);
  CHECK(refused == "HTTP/1.1 407");
  co_await write(s, std::string(size, 'x'));
  const std::string rest = co_await read_all(s);
  CHECK_THAT(rest, EndsWith("a user name and a password.\n|"));
}

/// Through the chain to a target that the test plays.
struct conversation {
  explicit conversation(asio::io_context& io) : at(io, {loopback, 0}), client(io), target(io) {}
  awaitable<> begin(chain& c, std::string request, std::size_t replies) {
    co_await client.async_connect(c.at, asio::use_awaitable);
    co_await write(client, std::move(request));
    target = co_await at.async_accept(asio::use_awaitable);
    co_await read(client, replies);
  }
  std::uint16_t port() const { return at.local_endpoint().port(); }
  tcp::acceptor at;
  tcp::socket client, target;
};

void kill(tcp::socket& s) {
  s.set_option(asio::socket_base::linger(true, 0));
  s.close();
}

awaitable<> everything_ends(chain& c) {
  co_await wait_for([&] { return c.server.streams() == 0 && !c.log().empty(); });
}

awaitable<> a_target_dies(chain& c) {
  conversation x(c.io);
  co_await x.begin(c, socks_to(x.port()), socks_replies);
  co_await write(x.target, std::string(100'000, 'x'));
  kill(x.target);
  const std::string heard = co_await read_all(x.client);
  CHECK(heard.back() == '!');
  co_await everything_ends(c);
}

awaitable<> a_target_dies_before_its_answer(chain& c) {
  conversation x(c.io);
  co_await x.begin(c, get_from(x.port()), 0);
  co_await read(x.target, 20);
  kill(x.target);
  const std::string heard = co_await read_all(x.client);
  CHECK_THAT(heard, StartsWith("HTTP/1.1 502 ") && EndsWith("\n|"));
  co_await everything_ends(c);
}

awaitable<> a_client_dies(chain& c) {
  conversation x(c.io);
  co_await x.begin(c, connect_to(x.port()), established.size());
  co_await write(x.target, std::string(100'000, 'x'));
  co_await read(x.client, 10);
  kill(x.client);
  const std::string heard = co_await read_all(x.target);
  CHECK(heard == "!");
  co_await everything_ends(c);
}

awaitable<> a_client_dies_in_its_request(chain& c) {
  conversation x(c.io);
  const std::string head = get_from(x.port());
  co_await x.begin(c, "POST" + head.substr(3, head.size() - 5) + "Content-Length: 10\r\n\r\nhell", 0);
  co_await read(x.target, 20);
  kill(x.client);
  const std::string heard = co_await read_all(x.target);
  CHECK(heard.back() == '!');
  co_await everything_ends(c);
}

awaitable<> a_server_dies(chain& c) {
  conversation x(c.io);
  co_await x.begin(c, connect_to(x.port()), established.size());
  co_await write(x.target, "half");
  const std::string half = co_await read(x.client, 4);
  CHECK(half == "half");
  c.server.drain();
  c.server.wait();
  const std::string heard = co_await read_all(x.client);
  CHECK(heard == "!");
  co_await wait_for([&] { return !c.log().empty(); });
  // Without a server there is no way.
  tcp::socket late = co_await c.connect();
  co_await write(late, connect_to(x.port()));
  const std::string refusal = co_await read_all(late);
  CHECK_THAT(refusal, StartsWith("HTTP/1.1 502 "));
}

awaitable<> a_missing_target_is_told(chain& c) {
  // Over a sub-stream the target is taken for there until its End: a plain request can still be answered.
  const std::string refused = co_await ask(c, get_from(1), 12);
  CHECK(refused == "HTTP/1.1 502");
  const std::string own = co_await ask(c, get_from(c.server_at.port()), 12);
  CHECK(own == "HTTP/1.1 403");
}

}  // namespace

TEST_CASE("mixed: SOCKS and HTTP on one port", "[proxy][mixed]") { chain(mixed()).run(both_are_served); }
TEST_CASE("mixed: noise gets no answer", "[proxy][mixed]") { chain(mixed()).run(nobody_answers_noise); }
TEST_CASE("mixed: a refusal arrives in spite of what is unread", "[proxy][mixed]") {
  mixed_inbound_options options;
  options.users.add("alice", "secret");
  chain(mixed(options)).run(a_refusal_arrives);
}
TEST_CASE("mixed: one deadline for the first byte and all others", "[proxy][mixed]") {
  mixed_inbound_options options;
  options.handshake = 50ms;
  chain(mixed(options)).run([](chain& c) -> awaitable<> {
    for (const std::string& begun : {""s, "\x05"s, "GET"s}) {
      tcp::socket s = co_await c.connect();
      co_await write(s, begun);
      const std::string heard = co_await read_all(s);
      CHECK(heard == "!");
    }
  });
}
TEST_CASE("kill: a drain ends at its limit, although clients wait for targets", "[proxy][kill]") {
  instance_options options;
  options.drain_timeout = 20ms;
  standing s(mixed(), options);
  const auto begun = std::chrono::steady_clock::now();
  s.run([](standing& x) -> awaitable<> {
    tcp::acceptor silent(x.io, {loopback, 0});
    tcp::socket client = co_await x.connect();
    co_await write(client, connect_to(silent.local_endpoint().port()));
    const tcp::socket target = co_await silent.async_accept(asio::use_awaitable);
    co_await read(client, established.size());
    client.shutdown(tcp::socket::shutdown_send);
    co_await pause(10ms);
    x.whole.drain();
    x.whole.wait();
  });
  CHECK(std::chrono::steady_clock::now() - begun < 10s);
}
TEST_CASE("kill: a target in the middle cuts its client", "[proxy][kill]") {
  chain(mixed()).run(a_target_dies);
}
TEST_CASE("kill: a target before its answer is a 502", "[proxy][kill]") {
  chain(mixed()).run(a_target_dies_before_its_answer);
}
TEST_CASE("kill: a client in the middle cuts its target", "[proxy][kill]") {
  chain(mixed()).run(a_client_dies);
}
TEST_CASE("kill: a client in its request cuts its target", "[proxy][kill]") {
  chain(mixed()).run(a_client_dies_in_its_request);
}
TEST_CASE("kill: without its server, a client is cut, and the next one gets the reason", "[proxy][kill]") {
  server_limits options;
  options.engine.drain_timeout = 20ms;
  chain(mixed(), options).run(a_server_dies);
}
TEST_CASE("mixed: a target that is missing behind the server is reported", "[proxy][mixed]") {
  chain(mixed()).run(a_missing_target_is_told);
}
