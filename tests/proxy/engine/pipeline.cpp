// From a SOCKS client over the dispatcher to an outbound, in memory.
#include "stages.hpp"

#include "proxy/inbound/socks.hpp"
#include "proxy/outbound/blackhole.hpp"
#include "proxy/outbound/mux.hpp"

#include <asio/detached.hpp>
#include <asio/steady_timer.hpp>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace stages;
using namespace std::chrono_literals;

using namespace std::string_literals;
const std::string greeting = "\x05\x01\x00"s, no_auth = "\x05\x00"s;
const std::string request =
    "\x05\x01\x00\x03\x0b"s
    "example.com\x01\xbb"s;

std::string reply(char code) { return "\x05"s + code + "\x00\x01\x00\x00\x00\x00\x00\x00"s; }

asio::awaitable<void> talks(bench& b) {
  const std::string method = co_await say(b, greeting, 2);
  CHECK(method == no_auth);
  // Early data comes with the request.
  const std::string answer = co_await say(b, request + "hello", 10 + 5);
  CHECK(answer == reply(0) + "hello");
  co_await b.client.async_shutdown();
  std::array<char, 1> none;
  const auto [error, n] = co_await b.client.async_read_some(asio::buffer(none), as_result);
  CHECK(error == asio::error::eof);
}

asio::awaitable<void> is_refused(bench& b) {
  const std::string answer = co_await say(b, greeting + request, 12);
  CHECK(answer == no_auth + reply(2));
}

asio::awaitable<void> says_nothing(bench& b) {
  std::array<char, 1> none;
  const auto [error, n] = co_await b.client.async_read_some(asio::buffer(none), as_result);
  CHECK(error);
}

asio::awaitable<session> dial_in_memory(asio::io_context& io, std::shared_ptr<session>& server) {
  auto [near, far] = make_pipe(io.get_executor());
  server = std::make_shared<session>(std::move(far), role::server);
  server->async_run([](std::error_code) {});
  co_return session(std::move(near), role::client);
}

asio::awaitable<void> serve_one(std::shared_ptr<session>& server, std::string& target) {
  while (!server) co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
  sub_stream s = co_await server->async_accept();
  target = to_string(s.target());
  std::string word(5, '\0');
  co_await asio::async_read(s, asio::buffer(word), asio::use_awaitable);
  co_await asio::async_write(s, asio::buffer(word), asio::use_awaitable);
  co_await s.async_shutdown();
  char none;
  co_await s.async_read_some(asio::buffer(&none, 1), as_result);
}

}  // namespace

TEST_CASE("pipeline: a SOCKS client exchanges bytes with its target", "[proxy][pipeline]") {
  bench b(socks_inbound({}));
  const auto target = std::make_shared<parrot>();
  b.to.add("parrot", target);
  b.run(talks);
  REQUIRE(target->seen.size() == 1);
  CHECK(to_string(target->seen[0].outbound.original) == "tcp:example.com:443");
  CHECK(target->seen[0].inbound.protocol == "socks");
  CHECK(target->seen[0].inbound.tag == "in");
  CHECK(target->live() == 0);
  CHECK(b.to.live() == 0);
  CHECK(b.ended == std::vector<std::string>{"tcp:example.com:443 via parrot: 5 5 done"});
}

TEST_CASE("pipeline: a refused target is reported by the protocol's code", "[proxy][pipeline]") {
  bench b(socks_inbound({}));
  b.to.add("hole", std::make_shared<blackhole>());
  b.run(is_refused);
  CHECK(b.ended.size() == 1);
}

TEST_CASE("pipeline: a rule that names no outbound refuses", "[proxy][pipeline]") {
  bench b(socks_inbound({}));
  b.to.add("parrot", std::make_shared<parrot>());
  b.to.route_by([](const context&) -> asio::awaitable<outbound_choice> { co_return "nowhere"; });
  b.run(is_refused);
}

TEST_CASE("pipeline: where there are users, nothing goes before the password", "[proxy][pipeline]") {
  socks_inbound_options options;
  options.users.add("alice", "secret");
  bench b(socks_inbound(std::move(options)));
  const auto target = std::make_shared<parrot>();
  b.to.add("parrot", target);
  b.run([](bench& x) -> asio::awaitable<void> {
    const std::string method = co_await say(x, "\x05\x01\x02"s, 2);
    CHECK(method == "\x05\x02"s);
    const std::string answer = co_await say(x, request, 10);
    CHECK(answer.size() < 10);
  });
  CHECK(target->seen.empty());
}

TEST_CASE("pipeline: a silent client is cut in time", "[proxy][pipeline]") {
  socks_inbound_options options;
  options.handshake = 20ms;
  bench b(socks_inbound(std::move(options)));
  b.to.add("parrot", std::make_shared<parrot>());
  b.run(says_nothing);
}

TEST_CASE("pipeline: a name that comes slowly goes on as it is, within the same limit (J8)",
          "[proxy][pipeline]") {
  const std::string slow = greeting + "\x05\x01\x00\x03\xff"s + std::string(255, 'a') + "\x01\xbb"s;
  const auto say_slowly = [&](duration limit) {
    socks_inbound_options options;
    options.handshake = limit;
    bench b(socks_inbound(std::move(options)));
    const auto target = std::make_shared<parrot>();
    b.to.add("parrot", target);
    b.run([](bench& x, std::string text) -> asio::awaitable<void> {
      asio::steady_timer pause(x.io);
      for (const char c : text) {
        const auto [ec, n] = co_await asio::async_write(x.client, asio::buffer(&c, 1), as_result);
        if (ec) co_return;
        pause.expires_after(500us);
        co_await pause.async_wait(asio::use_awaitable);
      }
      co_await read(x.client, 12);
    }(b, slow));
    return target->seen.empty() ? "" : to_string(target->seen[0].outbound.target);
  };
  CHECK(say_slowly(30s) == "tcp:" + std::string(255, 'a') + ":443");
  CHECK(say_slowly(30ms) == "");
}

TEST_CASE("pipeline: over a sub-stream to a server", "[proxy][pipeline]") {
  bench b(socks_inbound({}));
  std::shared_ptr<session> server;
  std::string target;
  client_pool_options pool;
  const auto mux = std::make_shared<mux_outbound>(
      b.io.get_executor(), [&b, &server] { return dial_in_memory(b.io, server); }, pool, relay_options());
  b.to.add("server", mux);
  asio::co_spawn(b.io, serve_one(server, target), asio::detached);
  b.run(talks);
  CHECK(target == "tcp:example.com:443");
  CHECK(b.ended == std::vector<std::string>{"tcp:example.com:443 via server: 5 5 done"});
  mux->close();
}
