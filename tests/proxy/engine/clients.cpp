// client: what an inbound hands down, and what an outbound does with it.
#include "stages.hpp"

#include "proxy/engine/live_connection.hpp"
#include "proxy/inbound/dokodemo.hpp"
#include "proxy/inbound/socks.hpp"
#include "proxy/sniff/sniff_policy.hpp"

#include <muxpro/proxy/client.hpp>
#include <muxpro/proxy/geo_files.hpp>
#include <muxpro/session.hpp>

#include <asio/detached.hpp>

namespace clients_test {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace stages;
using namespace std::chrono_literals;
using namespace std::string_literals;

const std::string hello_socks = "\x05\x01\x00"s;
const std::string to_example =
    "\x05\x01\x00\x03\x0b"s
    "example.com\x01\xbb"s;
constexpr std::size_t answers = 2 + 10;

/// Answers, and relays to a pipe or hands that over, returns or throws.
class taker final : public outbound {
 public:
  enum class does : std::uint8_t { relays, hands_over, returns, throws };
  explicit taker(does what, relay_options limits = {}) : what_(what), limits_(std::move(limits)) {}
  asio::awaitable<connection_result> carry(const context& ctx, client& c) override {
    const counted here(*this);
    connection_result result;
    seen = ctx;
    early = c.early().size();
    co_await c.answer({}, result.why);
    if (what_ == does::throws) throw std::bad_alloc();
    if (what_ == does::returns) co_return result;
    auto [near, far] = make_pipe(c.get_executor());
    target = std::move(far);
    auto whole = std::make_shared<connection_over<pipe_end>>(std::move(near));
    if (what_ == does::hands_over)
      c.hand_over(std::move(whole), limits_);
    else
      co_await c.relay(*whole, limits_, result.why);
    co_return result;
  }
  context seen;
  std::size_t early = 0;
  pipe_end target;

 private:
  const does what_;
  const relay_options limits_;
};

std::pair<std::uint64_t, std::uint64_t> live_bytes(bench& b) {
  std::pair<std::uint64_t, std::uint64_t> n;
  for (live_connection* const c : b.to.live_connections()) {
    c->count();
    n = {c->up(), c->down()};
  }
  return n;
}

/// A client with a reply, over a pipe.
struct replying {
  class with_reply final : public client {
   public:
    explicit with_reply(pipe_end s) : client(make_connection(std::move(s)), relay_options(), two()) {}

   private:
    static std::vector<std::byte> two() { return std::vector<std::byte>(2, std::byte{'e'}); }
    std::vector<std::byte> reply_to(std::error_code outcome) override {
      return std::vector<std::byte>(3, std::byte{outcome ? std::uint8_t{'n'} : std::uint8_t{'y'}});
    }
  };
  replying() {
    auto [near, far] = make_pipe(io.get_executor());
    peer = std::move(near);
    c.emplace(std::move(far));
  }
  asio::io_context io;
  pipe_end peer;
  std::optional<with_reply> c;
};

asio::awaitable<void> only_the_first_counts(replying& r) {
  std::error_code ec;
  co_await r.c->answer({}, ec);
  co_await r.c->answer(end_code::rejected, ec);
  co_await r.c->answer({}, ec);
  CHECK_FALSE(ec);
  co_await r.c->write(asio::buffer("data", 4), ec);
  const std::string reply = co_await read(r.peer, 7);
  CHECK(reply == "yyydata");
  co_await r.c->end(end_code::timeout);
  const std::string rest = co_await read_all(r.peer);
  CHECK(rest == "!");
}

asio::awaitable<void> a_refusal_waits_for_the_end(replying& r) {
  std::error_code ec;
  co_await r.c->answer(end_code::rejected, ec);
  CHECK(r.peer.available() == 0);
  asio::co_spawn(r.io, r.c->end(end_code::timeout), asio::detached);
  const std::string all = co_await read_all(r.peer);
  CHECK(all == "nnn|");
}

asio::awaitable<void> early_bytes_come_first(replying& r) {
  const auto bytes = std::make_shared<relay_bytes>();
  r.c->count_in(bytes);
  co_await write(r.peer, "more");
  std::error_code ec;
  std::array<char, 10> room;
  const std::size_t first = co_await r.c->read_some(asio::buffer(room, 1), ec);
  const std::size_t second = co_await r.c->read_some(asio::buffer(room), ec);
  CHECK((first == 1 && second == 1));
  const std::size_t third = co_await r.c->read_some(asio::buffer(room), ec);
  CHECK(std::string(room.data(), third) == "more");
  CHECK(bytes->a_to_b == 6);
  r.c.reset();
  const std::string all = co_await read_all(r.peer);
  CHECK(all == "!");
}

void with_reply(asio::awaitable<void> (*work)(replying&)) {
  replying r;
  test::run(r.io, work(r));
}

TEST_CASE("client: the first answer counts, and its reply goes before the data", "[proxy][client]") {
  with_reply(only_the_first_counts);
}
TEST_CASE("client: a refusal is sent when the outbound has returned", "[proxy][client]") {
  with_reply(a_refusal_waits_for_the_end);
}
TEST_CASE("client: an outbound reads the early bytes first, and they count", "[proxy][client]") {
  with_reply(early_bytes_come_first);
}

TEST_CASE("client: its bytes are counted while they go, the early ones too", "[proxy][client]") {
  const auto what = GENERATE(taker::does::relays, taker::does::hands_over);
  bench b(socks_inbound({}));
  const auto out = std::make_shared<taker>(what);
  b.to.add("taker", out);
  b.run([&](bench& x) -> asio::awaitable<void> {
    co_await say(x, hello_socks + to_example + "ab", answers);
    co_await write(x.client, "hello");
    const std::string heard = co_await read(out->target, 7);
    CHECK(heard == "abhello");
    co_await write(out->target, "hi");
    const std::string answer = co_await read(x.client, 2);
    CHECK(answer == "hi");
    CHECK(live_bytes(x) == std::pair<std::uint64_t, std::uint64_t>(7, 2));
    CHECK(out->live() == 1);
    CHECK(x.served == (what == taker::does::hands_over));  // nothing of the inbound is left
    co_await x.client.async_shutdown(as_result);
    co_await out->target.async_shutdown(as_result);
  }(b));
  CHECK(out->early == 2);
  CHECK(out->live() == 0);
  CHECK(b.ended == std::vector<std::string>{"tcp:example.com:443 via taker: 7 2 done"});
}

TEST_CASE("client: an outbound that returns or throws without a relay cuts it", "[proxy][client]") {
  const auto what = GENERATE(taker::does::returns, taker::does::throws);
  bench b(socks_inbound({}));
  b.to.add("taker", std::make_shared<taker>(what));
  b.run([](bench& x) -> asio::awaitable<void> {
    const std::string all = co_await ask(x, hello_socks + to_example);
    CHECK(all.size() == answers + 1);
    CHECK(all.back() == '!');
  });
  REQUIRE(b.ended.size() == 1);
  const bool thrown = what == taker::does::throws;
  CHECK(b.ended[0] == "tcp:example.com:443 via taker: 0 0 " +
                          (thrown ? make_error_code(errc::out_of_room).message() : "done"));
}

TEST_CASE("client: the limits of both sides hold", "[proxy][client]") {
  relay_options brief, patient;
  brief.idle = 20ms;
  const bool inbound_limits = GENERATE(false, true);
  const auto what = GENERATE(taker::does::relays, taker::does::hands_over);
  dokodemo_inbound_options o;
  o.target = host_port("example.com", 443);
  o.relay = inbound_limits ? brief : patient;
  bench b{dokodemo_inbound(o)};
  b.to.add("taker", std::make_shared<taker>(what, inbound_limits ? patient : brief));
  b.run([](bench& x) -> asio::awaitable<void> {
    const std::string all = co_await read_all(x.client);
    CHECK(all == "!");
  });
  CHECK(b.ended == std::vector<std::string>{"tcp:example.com:443 via taker: 0 0 " +
                                            error_code(asio::error::timed_out).message()});
}

std::shared_ptr<const sniff_policy> sniffs() {
  static geo_files no_lists;
  sniffing_options look;
  look.enabled = true;
  return std::make_shared<const sniff_policy>(look, no_lists);
}

const std::string request = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";

/// A SOCKS client whose connections are sniffed.
struct sniffed : bench {
  sniffed() : bench(std::shared_ptr<inbound>(std::make_shared<with_policy>())) {}
  class with_policy final : public inbound {
   public:
    asio::awaitable<void> serve(std::shared_ptr<connection> c, context ctx, dispatcher& to,
                                admission::ticket place) const override {
      ctx.content.sniffing = sniffs();
      return socks_.serve(std::move(c), std::move(ctx), to, std::move(place));
    }

   private:
    const socks_inbound socks_{socks_inbound_options()};
  };
};

TEST_CASE("client: what is sniffed of it is early, and goes first", "[proxy][client]") {
  const bool pipelined = GENERATE(false, true);
  sniffed b;
  const auto out = std::make_shared<taker>(taker::does::relays);
  b.to.add("taker", out);
  b.to.route_by([](const context&) -> asio::awaitable<outbound_choice> { co_return "taker"; });
  b.run([&](bench& x) -> asio::awaitable<void> {
    std::string first = hello_socks + to_example;
    if (pipelined) first += request;
    co_await say(x, first, answers);
    if (!pipelined) co_await write(x.client, request);
    while (!out->target.valid()) co_await asio::post(x.io, asio::use_awaitable);
    CHECK(out->early == request.size());
    CHECK(out->seen.content.protocol == "http1");
    co_await write(x.client, "more");
    const std::string heard = co_await read(out->target, request.size() + 4);
    CHECK(heard == request + "more");
    co_await x.client.async_shutdown(as_result);
    co_await out->target.async_shutdown(as_result);
  }(b));
}

TEST_CASE("client: bytes that suffice for sniffing delay the answer until the target is reached",
          "[proxy][client]") {
  sniffed b;
  b.to.add("wall", std::make_shared<wall>(end_code::rejected));
  b.run([](bench& x) -> asio::awaitable<void> {
    const std::string all = co_await ask(x, hello_socks + to_example + request);
    REQUIRE(all.size() == answers + 1);
    CHECK(all[3] == 2);
    CHECK(all.back() == '|');
  });
}

asio::awaitable<void> begins_with_early_bytes(asio::io_context& io) {
  auto [near, far] = make_pipe(io.get_executor());
  session client_side(std::move(near), role::client);
  client_side.async_handshake([](error_code) {});
  std::vector<std::byte> early(100);
  const auto [error, n] = co_await far.async_read_some(asio::buffer(early), as_result);
  REQUIRE(n > 0);
  early.resize(n);
  connection_over<pipe_end> c(std::move(far));
  session_options options;
  options.early = std::move(early);
  session server_side = c.into_session(role::server, std::move(options));
  const auto [refused] = co_await server_side.async_handshake(as_result);
  CHECK_FALSE(refused);
  CHECK(server_side.negotiated());
}

TEST_CASE("connections: a main connection begins with bytes that were read before", "[proxy][connection]") {
  asio::io_context io;
  test::run(io, begins_with_early_bytes(io));
}

}  // namespace clients_test
