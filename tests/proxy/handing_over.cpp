// A client's connection itself in an outbound's hands, instead of a pipe.
#include "stages.hpp"

#include <muxpro/proxy/connection.hpp>
#include <muxpro/proxy/geo_files.hpp>
#include <muxpro/proxy/inbounds/socks.hpp>
#include <muxpro/proxy/link.hpp>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace stages;
using namespace std::string_literals;

const std::string hello_socks = "\x05\x01\x00"s;
const std::string to_example =
    "\x05\x01\x00\x03\x0b"s
    "example.com\x01\xbb"s;
constexpr std::size_t answers = 2 + 10;

std::pair<inbound_link, outbound_link> offering(asio::io_context& io) {
  return make_link(io.get_executor(), 100, client_side::offered);
}

asio::awaitable<void> is_handed_over(asio::io_context& io) {
  auto [in, out] = offering(io);
  CHECK_FALSE(in.wants_client());
  CHECK(out.target().want_client());
  out.target().tell({});
  CHECK(in.wants_client());
  auto [near, far] = make_pipe(io.get_executor());
  const std::shared_ptr<connection> itself = make_connection(std::move(far));
  answered_client given(itself, std::vector<std::byte>(3), {});
  auto done = in.async_hand_over(std::move(given), as_result);
  const auto [ec] = co_await out.async_wait_for_client(as_result);
  const answered_client got = out.target().take_client();
  CHECK_FALSE(ec);
  CHECK(got.itself == itself);
  CHECK(got.early.size() == 3);
  out.target().end(end_code::timeout);
  const auto [end] = co_await std::move(done);
  CHECK(end == end_code::timeout);
}

asio::awaitable<void> is_given_up_before(asio::io_context& io) {
  auto [in, out] = offering(io);
  out.target().want_client();
  out.target().tell({});
  { const inbound_link gone = std::move(in); }
  const auto [ec] = co_await out.async_wait_for_client(as_result);
  const answered_client none = out.target().take_client();
  CHECK(ec == asio::error::operation_aborted);
  CHECK_FALSE(none.itself);
}

/// Wants the client's connection and relays it, or goes without a word more.
class taker final : public outbound {
 public:
  explicit taker(bool relays) : relays_(relays) {}
  asio::awaitable<carried> carry(context, outbound_link link) override {
    const counted here(*this);
    carried result;
    wanted = link.target().want_client();
    link.target().tell({});
    if (!wanted) {
      link.stream.close();
      co_return result;
    }
    std::tie(result.why) = co_await link.async_wait_for_client(as_result);
    answered_client client = link.target().take_client();
    early = client.early.size();
    if (result.why || !relays_) co_return result;
    auto [near, far] = make_pipe(link.stream.get_executor());
    target = std::move(far);
    client.limits.progress = link.client_bytes();
    const relay_result bytes = co_await client.itself->relay(near, client.limits, result.why);
    result.up = bytes.a_to_b;
    result.down = bytes.b_to_a;
    link.target().end(result.why);
    co_return result;
  }
  bool wanted = false;
  std::size_t early = 0;
  pipe_end target;

 private:
  const bool relays_;
};

std::pair<std::uint64_t, std::uint64_t> live_bytes(bench& b) {
  std::pair<std::uint64_t, std::uint64_t> n;
  b.to.each_live([&](const live_connection& c) { n = {c.up(), c.down()}; });
  return n;
}

}  // namespace

TEST_CASE("handing over: the connection and what it said early", "[proxy][link]") {
  asio::io_context io;
  test::run(io, is_handed_over(io));
}

TEST_CASE("handing over: who gives up before ends the wait", "[proxy][link]") {
  asio::io_context io;
  test::run(io, is_given_up_before(io));
}

TEST_CASE("handing over: only what is offered can be had, and only before the inbound was told",
          "[proxy][link]") {
  asio::io_context io;
  auto [in, out] = make_link(io.get_executor(), 100);
  CHECK_FALSE(out.target().want_client());
  CHECK_FALSE(in.wants_client());
  auto [in2, out2] = offering(io);
  out2.target().tell({});
  CHECK_FALSE(out2.target().want_client());
  CHECK_FALSE(in2.wants_client());
}

TEST_CASE("handing over: bytes that go past the pipe are counted while they go", "[proxy][link]") {
  bench b(socks_inbound({}));
  const auto out = std::make_shared<taker>(true);
  b.to.add("taker", out);
  b.run([&](bench& x) -> asio::awaitable<void> {
    co_await say(x, hello_socks + to_example + "ab", answers);
    co_await write(x.client, "hello");
    const std::string heard = co_await read(out->target, 5);
    CHECK(heard == "hello");
    co_await write(out->target, "hi");
    const std::string answer = co_await read(x.client, 2);
    CHECK(answer == "hi");
    CHECK(live_bytes(x) == std::pair<std::uint64_t, std::uint64_t>(5, 2));
    co_await x.client.async_shutdown(as_result);
    co_await out->target.async_shutdown(as_result);
  }(b));
  CHECK(out->early == 2);
  CHECK(b.ended == std::vector<std::string>{"tcp:example.com:443 via taker: 5 2 done"});
}

TEST_CASE("handing over: an outbound that goes without relaying cuts the client", "[proxy][link]") {
  bench b(socks_inbound({}));
  const auto out = std::make_shared<taker>(false);
  b.to.add("taker", out);
  b.run([](bench& x) -> asio::awaitable<void> {
    const std::string all = co_await ask(x, hello_socks + to_example);
    CHECK(all.size() == answers + 1);
    CHECK(all.back() == '!');
  });
  CHECK(out->wanted);
}

TEST_CASE("handing over: a connection that is looked into goes through the pipe", "[proxy][link]") {
  bench b(socks_inbound({}));
  const auto out = std::make_shared<taker>(true);
  b.to.add("taker", out);
  b.to.route_by([](const context&) -> asio::awaitable<outbound_choice> { co_return "taker"; });
  context known;
  known.outbound.target = {network::tcp, "192.0.2.1", 80};
  geo_files no_lists;
  sniffing_options look;
  look.enabled = true;
  known.content.sniffing = std::make_shared<const sniff_policy>(look, no_lists);
  test::run(b.io, [](bench& x, context c) -> asio::awaitable<void> {
    inbound_link link = x.to.dispatch(std::move(c), client_side::offered);
    const auto [ec] = co_await link.async_wait_for_target(as_result);
    CHECK_FALSE(ec);
    CHECK_FALSE(link.wants_client());
    co_await asio::async_write(link.stream, asio::buffer("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27), as_result);
    char none;
    co_await link.stream.async_read_some(asio::buffer(&none, 1), as_result);
  }(b, std::move(known)));
  CHECK_FALSE(out->wanted);
}
