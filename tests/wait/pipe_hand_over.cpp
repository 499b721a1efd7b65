// What relays do with a pipe: the memory that bytes lie in goes from one to the other.
#include "catch.hpp"
#include "flow_support.hpp"

#include <muxpro/pipe.hpp>

#include <random>

namespace {

using namespace muxpro;
using asio::error::operation_aborted;
using detail::relay_buffer;
using test::byte_string;

constexpr std::size_t large = 8192;
constexpr std::size_t small = 2048;

/// A relay's buffer and the operation that it is in.
struct holder : test::operation {
  holder() : buffer(large) {
    // One read that fills the small memory is what the large one is for.
    buffer.filled(buffer.room().size());
    buffer.consume(buffer.size());
  }

  void fill(std::size_t size, std::uint64_t offset = 0) {
    const asio::mutable_buffer room = buffer.room();
    test::fill_pattern(std::span(static_cast<std::byte*>(room.data()), size), offset);
    buffer.filled(size);
  }
  void give(pipe_end& p) { detail::give(p, buffer, handler()); }
  void take(pipe_end& p) { detail::take(p, buffer, handler()); }
  bool holds(std::size_t size, std::uint64_t offset = 0) const {
    const asio::const_buffer b = buffer.bytes();
    return b.size() == size &&
           test::has_pattern(std::span(static_cast<const std::byte*>(b.data()), size), offset);
  }

  relay_buffer buffer;
};

struct piped {
  explicit piped(std::size_t capacity = 65536) {
    std::tie(a, b) = make_pipe(context.get_executor(), capacity);
  }
  void run_ready() {
    context.restart();
    context.poll();
  }

  asio::io_context context;
  pipe_end a, b;
  holder from, to;
};

}  // namespace

TEST_CASE("a waiting relay gets the memory of a writing one", "[pipe]") {
  piped p;
  p.to.take(p.b);
  p.from.fill(large);
  const void* const lay_in = p.from.buffer.bytes().data();
  p.from.give(p.a);
  CHECK(p.to.pending);
  p.run_ready();
  REQUIRE(p.to.ended({}, large));
  REQUIRE(p.from.ended({}, large));
  p.to.buffer.filled(large);
  CHECK(p.to.buffer.bytes().data() == lay_in);
  CHECK(p.to.holds(large));
  CHECK(p.b.meter().read() == large);
  CHECK(p.a.memory() == 0);
  p.from.buffer.consume(large);
  CHECK(p.from.buffer.room().size() == large);
  CHECK(p.from.buffer.room().data() != lay_in);
}

TEST_CASE("a relay that comes later gets the memory of a waiting one, from where it is full", "[pipe]") {
  piped p;
  p.from.fill(large);
  p.from.buffer.consume(100);
  p.from.give(p.a);
  p.run_ready();
  CHECK(p.from.pending);
  CHECK(p.a.memory() == 0);
  p.to.take(p.b);
  p.run_ready();
  REQUIRE(p.to.ended({}, large - 100));
  CHECK(p.from.ended({}, large - 100));
  p.to.buffer.filled(large - 100);
  CHECK(p.to.holds(large - 100, 100));
}

TEST_CASE("what a relay has read before goes first", "[pipe]") {
  piped p;
  p.from.fill(10);
  p.from.give(p.a);
  p.run_ready();
  REQUIRE(p.from.ended({}, 10));
  p.from.buffer.consume(10);
  p.from.fill(small, 10);
  p.from.give(p.a);
  p.run_ready();
  REQUIRE(p.from.ended({}, small));
  p.from.buffer.consume(small);
  p.from.fill(large, 10 + small);
  p.from.give(p.a);
  p.to.take(p.b);
  p.run_ready();
  CHECK(p.from.pending);
  REQUIRE(p.to.ended({}, 10 + small));
  p.to.buffer.filled(10 + small);
  CHECK(p.to.holds(10 + small));
  p.to.buffer.consume(10 + small);
  p.to.take(p.b);
  p.run_ready();
  CHECK(p.from.ended({}, large));
  p.to.buffer.filled(large);
  CHECK(p.to.holds(large, 10 + small));
}

TEST_CASE("a relay that is cancelled keeps its bytes", "[pipe]") {
  piped p;
  p.from.fill(large);
  p.from.give(p.a);
  p.run_ready();
  p.from.stop.emit(asio::cancellation_type::terminal);
  p.run_ready();
  CHECK(p.from.ended(operation_aborted, 0));
  CHECK(p.from.holds(large));
  p.to.take(p.b);
  p.run_ready();
  CHECK(p.to.pending);
  p.to.stop.emit(asio::cancellation_type::terminal);
  p.run_ready();
  CHECK(p.to.ended(operation_aborted, 0));
  CHECK(p.b.meter().read() == 0);
}

TEST_CASE("a pipe that is closed or destroyed takes no relay's memory along", "[pipe]") {
  piped p;
  p.from.fill(large);
  p.from.give(p.a);
  SECTION("by the reader") {
    p.b.close();
    p.run_ready();
    CHECK(p.from.ended(asio::error::broken_pipe, 0));
  }
  SECTION("by the writer") {
    p.a.close();
    p.run_ready();
    CHECK(p.from.ended(operation_aborted, 0));
  }
  CHECK(p.from.holds(large));
}

TEST_CASE("a context may be destroyed while a relay waits to hand its memory over", "[pipe]") {
  holder from;
  pipe_end a, b;
  {
    asio::io_context context;
    std::tie(a, b) = make_pipe(context.get_executor());
    from.fill(large);
    from.give(a);
  }
  CHECK(from.pending);
  CHECK(from.holds(large));
}

TEST_CASE("relays and other readers and writers share a pipe in any order", "[pipe]") {
  std::mt19937_64 random(11);
  const std::size_t capacity = GENERATE(0u, 100u, 65536u);
  piped p(capacity);
  byte_string in, out;
  std::uint64_t written = 0, read = 0;
  std::size_t handed_over = 0, plain = 0;
  bool giving = false, taking = false;
  const void* lay_in = nullptr;
  for (int step = 0; step < 100'000; ++step) {
    switch (random() % 4) {
      case 0: {  // a write of either kind
        if (p.from.pending) break;
        const std::size_t size = 1 + random() % (random() % 3 == 0 ? large : small);
        giving = random() % 2 == 0;
        if (giving) {
          p.from.buffer.filled(p.from.buffer.room().size());  // keeps the large memory
          p.from.buffer.consume(p.from.buffer.size());
          p.from.fill(size, written);
          lay_in = p.from.buffer.bytes().data();
          p.from.give(p.a);
        } else {
          out = test::pattern(size, written);
          p.a.async_write_some(asio::buffer(out), p.from.handler());
        }
        break;
      }
      case 1: {  // a read of either kind
        if (p.to.pending) break;
        taking = random() % 2 == 0;
        in.resize(1 + random() % large);
        if (taking)
          p.to.take(p.b);
        else
          p.b.async_read_some(asio::buffer(in), p.to.handler());
        break;
      }
      case 2: (random() % 8 == 0 ? p.from : p.to).stop.emit(asio::cancellation_type::total); break;
      default: p.run_ready();
    }
    if (!p.from.pending && p.from.n != 0) {
      written += p.from.n;
      if (giving) p.from.buffer.consume(p.from.buffer.size());
      p.from.n = 0;
    } else if (!p.from.pending && giving) {
      p.from.buffer.consume(p.from.buffer.size());
    }
    if (p.to.pending || p.to.n == 0) continue;
    const std::size_t n = std::exchange(p.to.n, 0);
    if (taking) {
      p.to.buffer.filled(n);
      REQUIRE(p.to.holds(n, read));
      ++(p.to.buffer.bytes().data() == lay_in ? handed_over : plain);
      p.to.buffer.consume(n);
    } else {
      REQUIRE(test::has_pattern(std::span(in).first(n), read));
    }
    read += n;
  }
  CHECK(handed_over > 100);
  CHECK(plain > 100);
  CHECK(read > 1'000'000);
}
