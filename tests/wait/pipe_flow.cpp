// Bytes that go through a pipe to a sink as they come.
#include "catch.hpp"
#include "flow_support.hpp"

#include <muxpro/pipe.hpp>

#include <random>

namespace {

using namespace muxpro;
using access = detail::relay_access<pipe_end>;
using asio::error::operation_aborted;
using test::bounded_sink;
using test::byte_string;
using test::operation;

struct flowing {
  explicit flowing(std::size_t capacity = 100) {
    std::tie(a, b) = make_pipe(context.get_executor(), capacity);
  }
  void run_ready() {
    context.restart();
    context.poll();
  }
  void flow() { access::flow(b, to, flow_op.handler()); }
  std::size_t write_now(std::span<const std::byte> from, error_code& ec) {
    return access::write_now(a, detail::write_buffers(asio::buffer(from.data(), from.size())), ec);
  }
  void write(std::size_t size) {
    data = test::pattern(size, at);
    a.async_write_some(asio::buffer(data), write_op.handler());
  }
  bool in_order() const { return test::has_pattern(to.got, 0); }

  asio::io_context context;
  pipe_end a, b;
  bounded_sink to;
  operation flow_op, write_op, room_op;
  byte_string data;
  std::uint64_t at = 0;
};

}  // namespace

TEST_CASE("bytes go to a waiting sink inside of the write", "[pipe][flow]") {
  flowing p;
  p.flow();
  for (int i = 0; i < 3; ++i) {
    p.write(1000);
    p.at += 1000;
    CHECK(p.to.got.size() == p.at);
    p.run_ready();
    REQUIRE(p.write_op.ended({}, 1000));
  }
  CHECK(p.flow_op.pending);
  CHECK(p.in_order());
  CHECK(p.b.meter().read() == 3000);
  CHECK(p.a.memory() == 0);
}

TEST_CASE("a sink that is full ends its flow, and the next one begins with what is left", "[pipe][flow]") {
  flowing p(100);
  p.to.room = 30;
  p.flow();
  p.write(1000);
  p.run_ready();
  CHECK(p.flow_op.ended({}, 30));
  REQUIRE(p.write_op.ended({}, 130));
  p.at = 130;
  p.write(1000);
  p.run_ready();
  CHECK(p.write_op.pending);
  p.to.room = 60;
  p.flow();
  p.run_ready();
  CHECK(p.flow_op.ended({}, 60));
  CHECK(p.write_op.pending);
  p.to.room = 45;
  p.flow();
  p.run_ready();
  CHECK(p.flow_op.ended({}, 45));
  CHECK(p.write_op.ended({}, 5));
  CHECK(p.to.got.size() == 135);
  CHECK(p.in_order());
}

TEST_CASE("room in a pipe comes with a reader", "[pipe][flow]") {
  flowing p(100);
  error_code ec;
  const byte_string data = test::pattern(300);
  CHECK(p.write_now(data, ec) == 100);
  CHECK(p.write_now(data, ec) == 0);
  CHECK_FALSE(ec);
  access::wait_for_room(p.a, p.room_op.handler());
  p.run_ready();
  CHECK(p.room_op.pending);
  p.write(1);
  p.run_ready();
  CHECK(p.write_op.ended(errc::operation_in_progress, 0));
  SECTION("a flow takes the ring") {
    p.to.room = 40;
    p.flow();
    p.run_ready();
    CHECK(p.room_op.ended({}, 0));
    CHECK(p.write_now(std::span(data).subspan(100), ec) == 40);
  }
  SECTION("a reader takes a part of it") {
    byte_string got(10);
    p.b.async_read_some(asio::buffer(got), p.flow_op.handler());
    p.run_ready();
    CHECK(p.flow_op.ended({}, 10));
    CHECK(p.room_op.ended({}, 0));
    CHECK(p.write_now(std::span(data).subspan(100), ec) == 10);
  }
  SECTION("the wait is cancelled") {
    p.room_op.stop.emit(asio::cancellation_type::terminal);
    p.run_ready();
    CHECK(p.room_op.ended(operation_aborted, 0));
  }
  SECTION("the reader goes") {
    p.b.close();
    p.run_ready();
    CHECK(p.room_op.ended(asio::error::broken_pipe, 0));
    CHECK(p.write_now(data, ec) == 0);
    CHECK(ec == asio::error::broken_pipe);
  }
}

TEST_CASE("a pipe without room of its own has some when a reader comes", "[pipe][flow]") {
  flowing p(0);
  access::wait_for_room(p.a, p.room_op.handler());
  p.run_ready();
  CHECK(p.room_op.pending);
  p.flow();
  p.run_ready();
  CHECK(p.room_op.ended({}, 0));
  p.write(500);
  p.run_ready();
  CHECK(p.write_op.ended({}, 500));
  CHECK(p.in_order());
}

TEST_CASE("a flow ends as a read does", "[pipe][flow]") {
  flowing p;
  SECTION("EOF behind the last byte") {
    p.write(100);
    p.a.async_shutdown([](error_code) {});
    p.flow();
    p.run_ready();
    CHECK(p.flow_op.error == asio::error::eof);
    CHECK(p.to.got.size() == 100);
  }
  SECTION("EOF while it waits") {
    p.flow();
    p.a.async_shutdown([](error_code) {});
    p.run_ready();
    CHECK(p.flow_op.error == asio::error::eof);
  }
  SECTION("the writer is cut") {
    p.flow();
    p.a.close();
    p.run_ready();
    CHECK(p.flow_op.error == asio::error::connection_reset);
  }
  SECTION("its own end is closed") {
    p.flow();
    p.b.close();
    p.run_ready();
    CHECK(p.flow_op.error == operation_aborted);
    p.flow();
    p.run_ready();
    CHECK(p.flow_op.error == asio::error::bad_descriptor);
  }
  SECTION("it is cancelled") {
    p.flow();
    p.flow_op.stop.emit(asio::cancellation_type::total);
    p.run_ready();
    CHECK(p.flow_op.error == operation_aborted);
  }
  SECTION("a second one is refused") {
    p.flow();
    operation second;
    access::flow(p.b, p.to, second.handler());
    p.run_ready();
    CHECK(second.ended(errc::operation_in_progress, 0));
    CHECK(p.flow_op.pending);
  }
}

TEST_CASE("a context may be destroyed while bytes flow", "[pipe][flow]") {
  bounded_sink to;
  operation flow, room;
  pipe_end a, b;
  {
    asio::io_context context;
    std::tie(a, b) = make_pipe(context.get_executor(), 0);
    access::wait_for_room(a, room.handler());
    access::flow(b, to, flow.handler());
  }
  CHECK(flow.pending);
}

TEST_CASE("sinks, readers and writers share a pipe in any order", "[pipe][flow]") {
  std::mt19937_64 random(5);
  const std::size_t capacity = GENERATE(0u, 1u, 100u, 65536u);
  flowing p(capacity);
  byte_string in;
  std::size_t flowed = 0;
  bool reads = false;
  for (int step = 0; step < 100'000; ++step) {
    switch (random() % 5) {
      case 0:
        if (!p.write_op.pending && !p.room_op.pending) p.write(1 + random() % 300);
        break;
      case 1: {
        if (p.write_op.pending || p.room_op.pending) break;
        error_code ec;
        const std::size_t size = 1 + random() % 300;
        const std::size_t n = p.write_now(test::pattern(size, p.at), ec);
        CHECK_FALSE(ec);
        p.at += n;
        if (n < size) access::wait_for_room(p.a, p.room_op.handler());
        break;
      }
      case 2:
        if (p.flow_op.pending) break;
        reads = random() % 3 == 0;
        in.resize(1 + random() % 300);
        p.to.room = random() % 400;
        if (reads)
          p.b.async_read_some(asio::buffer(in), p.flow_op.handler());
        else
          p.flow();
        break;
      case 3:
        if (random() % 8 == 0)
          (random() % 2 == 0 ? p.write_op : p.flow_op).stop.emit(asio::cancellation_type::total);
        break;
      default: p.run_ready();
    }
    if (!p.write_op.pending) p.at += std::exchange(p.write_op.n, 0);
    if (p.flow_op.pending) continue;
    const std::size_t n = std::exchange(p.flow_op.n, 0);
    if (std::exchange(reads, false))
      p.to.got.insert(p.to.got.end(), in.begin(), in.begin() + static_cast<std::ptrdiff_t>(n));
    else
      flowed += n;
  }
  CHECK(p.in_order());
  CHECK(flowed > 100'000);
  CHECK(p.to.got.size() > 500'000);
  CHECK(p.to.got.size() <= p.b.meter().read());
}
