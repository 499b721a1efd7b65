// What connects the stages: the outcome of the dial, the link's ends, datagrams between them.
#include "catch.hpp"
#include "stages.hpp"
#include "support.hpp"

#include <muxpro/proxy/client.hpp>
#include <muxpro/proxy/datagram_stream.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/write.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using test::as_result;

asio::awaitable<void> the_answer_arrives(asio::io_context& io) {
  auto [in, out] = make_link(io.get_executor(), 100);
  std::error_code ec;
  CHECK_FALSE(in.is_target_known(ec));
  co_await out->answer({}, ec);
  co_await out->answer(end_code::timeout, ec);
  const auto [first] = co_await in.async_wait_for_target(as_result);
  CHECK_FALSE(first);
  ec = end_code::rejected;
  CHECK(in.is_target_known(ec));
  CHECK_FALSE(ec);

  auto [in2, out2] = make_link(io.get_executor(), 100);
  co_await out2->answer(end_code::rejected, ec);
  CHECK_FALSE(in2.is_target_known(ec));
  co_await out2->end(end_code::timeout);
  const auto [second] = co_await in2.async_wait_for_target(as_result);
  CHECK(second == end_code::rejected);
}

asio::awaitable<void> a_wait_may_be_given_up(asio::io_context& io) {
  auto [in, out] = make_link(io.get_executor(), 100);
  asio::cancellation_signal stop;
  std::vector<std::error_code> heard;
  const auto hear = [&heard](std::error_code ec) { heard.push_back(ec); };
  in.async_wait_for_target(asio::bind_cancellation_slot(stop.slot(), hear));
  stop.emit(asio::cancellation_type::partial);
  CHECK(heard.empty());
  in.async_wait_for_target(hear);
  in.async_wait_for_end(hear);
  co_await out->end(end_code::timeout);
  co_await asio::post(io, asio::use_awaitable);
  const std::vector<std::error_code> all{asio::error::operation_aborted, end_code::timeout,
                                         end_code::timeout};
  CHECK(heard == all);
  stop.emit(asio::cancellation_type::terminal);
  out.reset();
  co_await asio::post(io, asio::use_awaitable);
  CHECK(heard == all);
}

asio::awaitable<void> silence_is_an_answer(asio::io_context& io) {
  auto [in, out] = make_link(io.get_executor(), 100);
  out.reset();
  const auto [ec] = co_await in.async_wait_for_target(as_result);
  CHECK(ec == asio::error::operation_aborted);
  const auto [end] = co_await in.async_wait_for_end(as_result);
  CHECK(end == asio::error::operation_aborted);
}

asio::awaitable<void> all_that_was_sent_comes(asio::io_context& io) {
  auto [in, out] = make_datagram_link(io.get_executor(), {3, 10});
  std::error_code ec;
  for (const char* word : {"one", "two", "three", "four"}) {
    const host_port to("192.0.2.1", static_cast<std::uint16_t>(word[0]));
    co_await in->send(asio::buffer(word, std::string(word).size()), to, ec);
    CHECK_FALSE(ec);
  }
  in->end(end_code::graceful);
  std::array<char, 100> room;
  host_port from;
  std::string all;
  for (;;) {
    const std::size_t n = co_await out->receive(asio::buffer(room), from, ec);
    if (ec) break;
    all += std::string(room.data(), n) + " from " + to_string(from) + ", ";
  }
  CHECK(ec == asio::error::eof);
  // "three" would have been too many bytes, and "four" with it.
  CHECK(all == "one from 192.0.2.1:111, two from 192.0.2.1:116, four from 192.0.2.1:102, ");
  co_await out->send(asio::buffer("x", 1), from, ec);
  CHECK(ec == asio::error::operation_aborted);
}

asio::awaitable<void> receive_one(datagram_stream& s, std::error_code& ec, bool& done) {
  std::array<char, 4> room;
  host_port from;
  co_await s.receive(asio::buffer(room), from, ec);
  done = true;
}

asio::awaitable<void> ends_wake_receivers(asio::io_context& io) {
  auto [in, out] = make_datagram_link(io.get_executor());
  std::error_code near, far;
  bool near_done = false, far_done = false;
  asio::co_spawn(io, receive_one(*in, near, near_done), asio::detached);
  asio::co_spawn(io, receive_one(*out, far, far_done), asio::detached);
  for (int i = 0; i < 10; ++i) co_await asio::post(io, asio::use_awaitable);
  CHECK_FALSE(near_done);
  in->end(end_code::timeout);
  for (int i = 0; i < 10; ++i) co_await asio::post(io, asio::use_awaitable);
  CHECK(near_done);
  CHECK(near == asio::error::operation_aborted);
  CHECK(far_done);
  CHECK(far == end_code::timeout);
}

asio::awaitable<void> what_is_too_long_is_cut(asio::io_context& io) {
  auto [in, out] = make_datagram_link(io.get_executor());
  std::error_code ec;
  const host_port to("192.0.2.1", 1);
  co_await in->send(asio::buffer("123456", 6), to, ec);
  std::array<char, 4> room;
  host_port from;
  const std::size_t n = co_await out->receive(asio::buffer(room), from, ec);
  CHECK(n == 4);
  CHECK(ec == asio::error::message_size);
}

void with_io(asio::awaitable<void> (*work)(asio::io_context&)) {
  asio::io_context io;
  test::run(io, work(io));
}

}  // namespace

namespace {

/// Reads nothing for a while.
class mute final : public outbound {
 public:
  asio::awaitable<connection_result> carry(const context&, client& c) override {
    asio::steady_timer while_it_fills(c.get_executor(), std::chrono::milliseconds(20));
    co_await while_it_fills.async_wait(asio::use_awaitable);
    co_return connection_result();
  }
};

/// Bytes that a new connection's link takes while it is not read.
std::size_t taken_by_link(std::size_t own) {
  asio::io_context io;
  dispatcher to(io.get_executor());
  to.link_capacity(10);
  to.add("mute", std::make_shared<mute>());
  context ctx;
  ctx.inbound.user.link_capacity = own;
  target_link link = to.dispatch(std::move(ctx));
  const std::string much(100, 'x');
  std::size_t taken = 0;
  const auto fill = [&]() -> asio::awaitable<void> {
    const auto [error, n] = co_await link.stream.async_write_some(asio::buffer(much), as_result);
    taken = n;
  };
  test::run(io, fill());
  test::run_until(io, [&] { return to.live() == 0; });
  return taken;
}

}  // namespace

TEST_CASE("a link has the capacity of its connection's inbound, else that of its dispatcher",
          "[proxy][link]") {
  CHECK(taken_by_link(7) == 7);
  CHECK(taken_by_link(0) == 10);
}

TEST_CASE("link: the outbound's first answer arrives", "[proxy][link]") { with_io(the_answer_arrives); }
TEST_CASE("link: a wait for the target may be cancelled, and begun again", "[proxy][link]") {
  with_io(a_wait_may_be_given_up);
}
TEST_CASE("link: the context may go before a link and its waiters", "[proxy][link]") {
  auto context = std::make_unique<asio::io_context>();
  auto mark = std::make_shared<int>();
  std::optional strand(asio::make_strand(*context));
  auto [in, out] = make_link(*strand, 100);
  strand.reset();
  const auto never = [mark](std::error_code) { FAIL("called"); };
  in.async_wait_for_target(never);
  in.async_wait_for_end(never);
  SECTION("while they wait") {}
  SECTION("while their completion is under way") { out.reset(); }
  CHECK(mark.use_count() == 4);
  context.reset();
  CHECK(mark.use_count() == 2);
}
TEST_CASE("link: an outbound that returns without an answer refuses", "[proxy][link]") {
  with_io(silence_is_an_answer);
}
TEST_CASE("link: giving it up calls the outbound, before and after", "[proxy][link]") {
  asio::io_context io;
  std::vector<std::error_code> calls;
  auto [in, out] = make_link(io.get_executor(), 100);
  const auto note = [&calls](std::error_code why) { calls.push_back(why); };
  out->on_abandoned(note);
  out->on_abandoned(nullptr);
  { const target_link gone = std::move(in); }
  CHECK(calls.empty());
  out->on_abandoned(note);
  out->on_abandoned(note);
  const std::vector<std::error_code> twice(2, asio::error::operation_aborted);
  CHECK(calls == twice);
}
TEST_CASE("datagram link: what fits comes with its address, then the end", "[proxy][link]") {
  with_io(all_that_was_sent_comes);
}
TEST_CASE("datagram link: an end wakes the waiters on both sides", "[proxy][link]") {
  with_io(ends_wake_receivers);
}
TEST_CASE("datagram link: a datagram is cut where there is no room for it", "[proxy][link]") {
  with_io(what_is_too_long_is_cut);
}
