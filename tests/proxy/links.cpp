// What connects the stages: the word about the target, the link's ends, datagrams between them.
#include "catch.hpp"
#include "support.hpp"

#include <muxpro/proxy/datagram_stream.hpp>
#include <muxpro/proxy/link.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/write.hpp>

#include <array>
#include <string>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using test::as_result;

asio::awaitable<void> the_word_is_heard(asio::io_context& io) {
  auto [in, out] = make_link(io.get_executor(), 100);
  out.target().tell({});
  out.target().tell(end_code::timeout);
  const std::error_code first = co_await in.async_wait_for_target();
  CHECK_FALSE(first);

  auto [in2, out2] = make_link(io.get_executor(), 100);
  out2.target().tell(end_code::rejected);
  const std::error_code second = co_await in2.async_wait_for_target();
  CHECK(second == end_code::rejected);
}

asio::awaitable<void> silence_is_an_answer(asio::io_context& io) {
  auto [in, out] = make_link(io.get_executor(), 100);
  { const outbound_link gone = std::move(out); }
  const std::error_code ec = co_await in.async_wait_for_target();
  CHECK(ec == asio::error::operation_aborted);
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

TEST_CASE("link: the outbound's first word about the target is heard", "[proxy][link]") {
  with_io(the_word_is_heard);
}
TEST_CASE("link: an outbound that goes without a word has said no", "[proxy][link]") {
  with_io(silence_is_an_answer);
}
TEST_CASE("link: an inbound that gives up is noticed, before and after", "[proxy][link]") {
  asio::io_context io;
  int calls = 0;
  auto [in, out] = make_link(io.get_executor(), 100);
  out.target().on_abandoned([&] { ++calls; });
  out.target().on_abandoned(nullptr);
  { const inbound_link gone = std::move(in); }
  CHECK(calls == 0);
  out.target().on_abandoned([&] { ++calls; });
  CHECK(calls == 1);
}
TEST_CASE("datagram link: what fits comes with its address, then the end", "[proxy][link]") {
  with_io(all_that_was_sent_comes);
}
TEST_CASE("datagram link: an end wakes who waits on either side", "[proxy][link]") {
  with_io(ends_wake_receivers);
}
TEST_CASE("datagram link: a datagram is cut where there is no room for it", "[proxy][link]") {
  with_io(what_is_too_long_is_cut);
}
