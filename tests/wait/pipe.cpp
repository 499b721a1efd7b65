#include "catch.hpp"
#include "support.hpp"

#include <muxpro/pipe.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/detached.hpp>
#include <asio/read.hpp>
#include <asio/read_until.hpp>
#include <asio/strand.hpp>
#include <asio/streambuf.hpp>
#include <asio/use_future.hpp>
#include <asio/write.hpp>
#if __has_include(<asio/any_completion_handler.hpp>)
#include <asio/any_completion_handler.hpp>
#include <asio/deferred.hpp>
#endif

#include <array>
#include <optional>
#include <vector>

namespace {

using namespace muxpro;
using asio::error::broken_pipe;
using asio::error::connection_reset;
using asio::error::eof;
using asio::error::operation_aborted;
using test::byte_string;

static_assert(std::is_nothrow_move_constructible_v<pipe_end> && std::is_nothrow_move_assignable_v<pipe_end> &&
              std::is_default_constructible_v<pipe_end> && !std::is_copy_constructible_v<pipe_end>);

/// How one operation ended, once it has.
struct completion {
  auto handler() {
    return [this](error_code e, std::size_t transferred) {
      REQUIRE_FALSE(done);
      done = true;
      error = e;
      n = transferred;
    };
  }
  auto shutdown_handler() {
    return [this](error_code e) { handler()(e, 0); };
  }
  bool is(error_code e, std::size_t transferred) const { return done && error == e && n == transferred; }
  bool ok(std::size_t transferred) const { return is({}, transferred); }

  bool done = false;
  error_code error;
  std::size_t n = 0;
};

struct reading : completion {
  reading(pipe_end& p, std::size_t size) : data(size) { p.async_read_some(asio::buffer(data), handler()); }
  reading(pipe_end& p, std::size_t size, asio::cancellation_signal& signal) : data(size) {
    p.async_read_some(asio::buffer(data), asio::bind_cancellation_slot(signal.slot(), handler()));
  }
  bool got(const byte_string& expected) const {
    return ok(expected.size()) && std::equal(expected.begin(), expected.end(), data.begin());
  }
  byte_string data;
};

struct writing : completion {
  writing(pipe_end& p, byte_string d) : data(std::move(d)) {
    p.async_write_some(asio::buffer(data), handler());
  }
  writing(pipe_end& p, byte_string d, asio::cancellation_signal& signal) : data(std::move(d)) {
    p.async_write_some(asio::buffer(data), asio::bind_cancellation_slot(signal.slot(), handler()));
  }
  byte_string data;
};

struct shutting : completion {
  explicit shutting(pipe_end& p) { p.async_shutdown(shutdown_handler()); }
};

struct pipe_fixture {
  explicit pipe_fixture(std::size_t capacity = 100) {
    std::tie(a, b) = make_pipe(context.get_executor(), capacity);
  }
  void poll() {
    context.restart();
    context.poll();
  }
  asio::io_context context;
  pipe_end a, b;
};

byte_string bytes_of(std::size_t n, std::uint64_t from = 0) { return test::pattern(n, from); }

}  // namespace

TEST_CASE("bytes go both ways through a pipe", "[pipe]") {
  pipe_fixture f;
  writing w(f.a, bytes_of(10)), v(f.b, bytes_of(20, 50));
  reading r(f.b, 50), s(f.a, 50);
  CHECK_FALSE((w.done || v.done || r.done || s.done));
  f.poll();
  CHECK(w.ok(10));
  CHECK(v.ok(20));
  CHECK(r.got(bytes_of(10)));
  CHECK(s.got(bytes_of(20, 50)));
}

TEST_CASE("a write takes what fits and waits only when nothing does", "[pipe]") {
  pipe_fixture f;
  writing first(f.a, bytes_of(250));
  f.poll();
  CHECK(first.ok(100));
  CHECK(f.b.available() == 100);
  writing second(f.a, bytes_of(150, 100));
  f.poll();
  CHECK_FALSE(second.done);
  reading r(f.b, 30);
  f.poll();
  CHECK(r.got(bytes_of(30)));
  CHECK(second.ok(30));
  CHECK(f.b.available() == 100);
  reading rest(f.b, 1000);
  f.poll();
  CHECK(rest.got(bytes_of(100, 30)));
}

TEST_CASE("a waiting reader gets bytes from the writer's buffer, past the ring", "[pipe]") {
  pipe_fixture f;
  reading r(f.b, 300);
  f.poll();
  CHECK_FALSE(r.done);
  writing w(f.a, bytes_of(300));
  CHECK(f.a.memory() == 0);
  f.poll();
  CHECK(w.ok(300));
  CHECK(r.got(bytes_of(300)));

  reading small(f.b, 7);
  writing more(f.a, bytes_of(300));
  f.poll();
  CHECK(more.ok(107));
  CHECK(small.got(bytes_of(7)));
  CHECK(f.b.available() == 100);
}

TEST_CASE("a read takes the ring and then from a waiting writer", "[pipe]") {
  pipe_fixture f;
  writing first(f.a, bytes_of(100)), second(f.a, bytes_of(250, 100));
  reading r(f.b, 180);
  f.poll();
  CHECK(r.got(bytes_of(180)));
  CHECK(second.ok(180));
  CHECK(f.b.available() == 100);
}

TEST_CASE("small writes come out as one read", "[pipe]") {
  pipe_fixture f;
  for (std::size_t i = 0; i < 50; ++i) {
    writing w(f.a, bytes_of(2, 2 * i));
    f.poll();
    CHECK(w.ok(2));
  }
  reading r(f.b, 1000);
  f.poll();
  CHECK(r.got(bytes_of(100)));
}

TEST_CASE("without capacity a write waits for a read", "[pipe]") {
  pipe_fixture f(0);
  writing w(f.a, bytes_of(10));
  f.poll();
  CHECK_FALSE(w.done);
  reading r(f.b, 4);
  f.poll();
  CHECK(w.ok(4));
  CHECK(r.got(bytes_of(4)));
  reading s(f.b, 4);
  f.poll();
  CHECK_FALSE(s.done);
  writing v(f.a, bytes_of(10, 4));
  f.poll();
  CHECK(v.ok(4));
  CHECK(s.got(bytes_of(4, 4)));
}

TEST_CASE("buffer sequences are filled and drained across their seams", "[pipe]") {
  pipe_fixture f;
  byte_string in = bytes_of(60), out(60);
  const auto at = [](byte_string& data, std::size_t from, std::size_t n) {
    return asio::buffer(data.data() + from, n);
  };
  const std::array<asio::const_buffer, 4> from{at(in, 0, 0), at(in, 0, 11), at(in, 11, 0), at(in, 11, 49)};
  const std::array<asio::mutable_buffer, 4> to{at(out, 0, 30), at(out, 30, 0), at(out, 30, 1),
                                               at(out, 31, 29)};
  const bool reader_first = GENERATE(true, false);
  completion r, w;
  if (reader_first) f.b.async_read_some(to, r.handler());
  f.a.async_write_some(from, w.handler());
  if (!reader_first) f.b.async_read_some(to, r.handler());
  f.poll();
  CHECK(w.ok(60));
  CHECK(r.ok(60));
  CHECK(out == in);
}

TEST_CASE("memory is held only while bytes are", "[pipe]") {
  pipe_fixture f(1 << 20);
  CHECK(f.a.memory() == 0);
  writing w(f.a, bytes_of(500'000)), v(f.b, bytes_of(10));
  CHECK(f.a.memory() >= 500'010);
  CHECK(f.a.memory() <= 2 * 500'000 + 1024);
  reading r(f.b, 500'000);
  CHECK(f.b.memory() == 1024);
  reading s(f.a, 500'000);
  CHECK(f.b.memory() == 0);
  f.poll();
  CHECK(r.got(bytes_of(500'000)));
}

TEST_CASE("empty reads and writes complete at once with nothing", "[pipe]") {
  pipe_fixture f(1);
  writing fill(f.a, bytes_of(1)), waiting(f.a, bytes_of(1)), empty(f.a, {});
  reading none(f.a, 0), first(f.a, 1), nothing(f.a, 0);
  CHECK_FALSE(empty.done);
  f.poll();
  CHECK(empty.ok(0));
  CHECK(none.ok(0));
  CHECK(nothing.ok(0));
  CHECK_FALSE(waiting.done);
  CHECK_FALSE(first.done);
}

TEST_CASE("a second read or write is refused and disturbs nothing", "[pipe]") {
  pipe_fixture f(1);
  reading r(f.a, 1), second(f.a, 1);
  writing fill(f.a, bytes_of(1)), w(f.a, bytes_of(1, 1)), more(f.a, bytes_of(1));
  f.poll();
  CHECK(second.is(errc::operation_in_progress, 0));
  CHECK(more.is(errc::operation_in_progress, 0));
  CHECK_FALSE(r.done);
  CHECK_FALSE(w.done);
  writing answer(f.b, bytes_of(1));
  reading all(f.b, 10);
  f.poll();
  CHECK(r.got(bytes_of(1)));
  CHECK(w.ok(1));
  CHECK(all.got(bytes_of(2)));
}

TEST_CASE("shutdown is eof for the peer after what is buffered", "[pipe]") {
  pipe_fixture f;
  writing w(f.a, bytes_of(10));
  shutting s(f.a), again(f.a);
  writing late(f.a, bytes_of(1));
  reading part(f.b, 4), rest(f.b, 40), end(f.b, 1), still(f.b, 1);
  CHECK_FALSE(s.done);
  f.poll();
  CHECK(s.ok(0));
  CHECK(again.is(errc::already_shut_down, 0));
  CHECK(late.is(errc::already_shut_down, 0));
  CHECK(part.got(bytes_of(4)));
  CHECK(rest.got(bytes_of(6, 4)));
  CHECK(end.is(eof, 0));
  CHECK(still.is(eof, 0));
  writing back(f.b, bytes_of(3));
  reading there(f.a, 3);
  f.poll();
  CHECK(there.got(bytes_of(3)));
}

TEST_CASE("shutdown ends a waiting read of the peer", "[pipe]") {
  pipe_fixture f;
  reading r(f.b, 4);
  shutting s(f.a);
  CHECK_FALSE(r.done);
  f.poll();
  CHECK(r.is(eof, 0));
}

TEST_CASE("a pipe is not shut down under a waiting write", "[pipe]") {
  pipe_fixture f(1);
  writing fill(f.a, bytes_of(1)), w(f.a, bytes_of(1, 1));
  shutting early(f.a);
  reading r(f.b, 2);
  shutting s(f.a);
  reading end(f.b, 1);
  f.poll();
  CHECK(early.is(errc::operation_in_progress, 0));
  CHECK(w.ok(1));
  CHECK(s.ok(0));
  CHECK(r.got(bytes_of(2)));
  CHECK(end.is(eof, 0));
}

TEST_CASE("close drops what was written and resets the peer", "[pipe]") {
  pipe_fixture f;
  const bool destroyed = GENERATE(true, false);
  writing unread(f.a, bytes_of(100)), waiting(f.a, bytes_of(1));
  writing full(f.b, bytes_of(100)), stuck(f.b, bytes_of(1));
  f.poll();
  if (destroyed) {
    f.a = {};
  } else {
    f.a.close();
    f.a.close();
  }
  CHECK_FALSE(f.a.is_open());
  CHECK(f.b.is_open());
  CHECK(f.b.memory() == 0);
  CHECK_FALSE((waiting.done || stuck.done));
  reading after(f.b, 10);
  writing late(f.b, bytes_of(1));
  shutting s(f.b);
  f.poll();
  CHECK(waiting.is(operation_aborted, 0));
  CHECK(stuck.is(broken_pipe, 0));
  CHECK(after.is(connection_reset, 0));
  CHECK(late.is(broken_pipe, 0));
  CHECK(s.is(broken_pipe, 0));
}

TEST_CASE("waiting reads of both ends complete at a close", "[pipe]") {
  pipe_fixture f;
  reading own(f.a, 1), peer(f.b, 1);
  f.a.close();
  CHECK_FALSE((own.done || peer.done));
  f.poll();
  CHECK(own.is(operation_aborted, 0));
  CHECK(peer.is(connection_reset, 0));
}

TEST_CASE("a closed end has no operations but is harmless", "[pipe]") {
  pipe_fixture f;
  f.a.close();
  reading r(f.a, 1);
  writing w(f.a, bytes_of(1));
  shutting s(f.a);
  f.poll();
  CHECK(r.is(asio::error::bad_descriptor, 0));
  CHECK(w.is(asio::error::bad_descriptor, 0));
  CHECK(s.is(asio::error::bad_descriptor, 0));
}

TEST_CASE("what was written before a shutdown outlives its writer", "[pipe]") {
  pipe_fixture f;
  writing w(f.a, bytes_of(100)), unread(f.b, bytes_of(5));
  shutting s(f.a);
  f.a = {};
  CHECK(f.b.available() == 100);
  reading r(f.b, 60), rest(f.b, 60), end(f.b, 1);
  writing back(f.b, bytes_of(1));
  f.poll();
  CHECK(r.got(bytes_of(60)));
  CHECK(rest.got(bytes_of(40, 60)));
  CHECK(end.is(eof, 0));
  CHECK(back.is(broken_pipe, 0));
  CHECK(f.b.memory() == 0);
}

TEST_CASE("an end can be moved while it is in use, and assigned over", "[pipe]") {
  pipe_fixture f, g;
  reading r(f.a, 10);
  pipe_end moved(std::move(f.a));
  CHECK_FALSE(f.a.is_open());
  f.a.close();
  writing w(f.b, bytes_of(3));
  f.poll();
  CHECK(r.got(bytes_of(3)));
  reading peer(f.b, 1);
  moved = std::move(g.a);
  f.poll();
  CHECK(peer.is(connection_reset, 0));
  writing other(moved, bytes_of(2));
  reading there(g.b, 2);
  g.poll();
  CHECK(there.got(bytes_of(2)));
  pipe_end& self = moved;
  moved = std::move(self);
  CHECK(moved.is_open());
  CHECK(&moved.lowest_layer() == &moved);
}

TEST_CASE("a cancelled operation moved no byte", "[pipe]") {
  const auto type = GENERATE(asio::cancellation_type::terminal, asio::cancellation_type::partial,
                             asio::cancellation_type::total);
  pipe_fixture f(1);
  asio::cancellation_signal stop_read, stop_write;
  reading r(f.b, 5, stop_read);
  f.poll();
  stop_read.emit(type);
  CHECK_FALSE(r.done);
  writing fill(f.a, bytes_of(1)), w(f.a, bytes_of(1, 1), stop_write);
  f.poll();
  CHECK(r.is(operation_aborted, 0));
  stop_write.emit(type);
  CHECK_FALSE(w.done);
  writing next(f.a, bytes_of(1, 100));
  reading got(f.b, 5);
  stop_write.emit(type);
  stop_read.emit(type);
  f.poll();
  CHECK(w.is(operation_aborted, 0));
  CHECK(next.ok(1));
  CHECK(got.data[0] == test::pattern_at(0));
  CHECK(got.data[1] == test::pattern_at(100));
  CHECK(got.ok(2));
}

TEST_CASE("handlers of a pipe run on their own executor", "[pipe]") {
  pipe_fixture f;
  asio::io_context other;
  byte_string data(10);
  completion r, w, s;
  f.a.async_read_some(asio::buffer(data), asio::bind_executor(other, r.handler()));
  f.b.async_write_some(asio::buffer(data), asio::bind_executor(other, w.handler()));
  f.a.async_shutdown(asio::bind_executor(other, s.shutdown_handler()));
  f.poll();
  CHECK_FALSE((r.done || w.done || s.done));
  other.poll();
  CHECK((r.done && w.done && s.done));
}

namespace {

asio::awaitable<std::string> line_by_line(pipe_end in, pipe_end out) {
  std::string text = "one\ntwo\nthree\n";
  co_await asio::async_write(out, asio::buffer(text), asio::use_awaitable);
  co_await out.async_shutdown();
  std::string buffered, lines;
  for (int i = 0; i < 3; ++i) {
    const std::size_t n =
        co_await asio::async_read_until(in, asio::dynamic_buffer(buffered), '\n', asio::use_awaitable);
    lines += buffered.substr(0, n - 1) + ';';
    buffered.erase(0, n);
  }
  auto [error, n] = co_await in.async_read_some(asio::buffer(text), test::as_result);
  lines += error == eof && n == 0 ? "eof" : error.message();
  co_return lines;
}

asio::awaitable<void> read_exactly(pipe_end& in, byte_string& out) {
  co_await asio::async_read(in, asio::buffer(out), asio::use_awaitable);
}

}  // namespace

TEST_CASE("Asio's composed operations run over a pipe", "[pipe]") {
  pipe_fixture f;
  CHECK(test::run(f.context, line_by_line(std::move(f.b), std::move(f.a))) == "one;two;three;eof");
}

TEST_CASE("a pipe takes any completion token", "[pipe]") {
  pipe_fixture f(5);
  byte_string in = bytes_of(12), out(12);
  SECTION("future") {
    auto written = asio::async_write(f.a, asio::buffer(in), asio::use_future);
    auto read = asio::async_read(f.b, asio::buffer(out), asio::use_future);
    f.poll();
    CHECK(written.get() == 12);
    CHECK(read.get() == 12);
    f.b.close();
    auto end = f.a.async_shutdown(asio::use_future);
    f.poll();
    CHECK_THROWS_AS(end.get(), std::system_error);
    CHECK(out == in);
  }
  SECTION("detached and coroutine") {
    asio::async_write(f.a, asio::buffer(in), asio::detached);
    test::run(f.context, read_exactly(f.b, out));
    CHECK(out == in);
  }
  SECTION("coroutine with exceptions") {
    f.a.close();
    CHECK_THROWS_AS(test::run(f.context, read_exactly(f.b, out)), std::system_error);
  }
#if __has_include(<asio/any_completion_handler.hpp>)
  SECTION("erased handlers") {
    using handler = asio::any_completion_handler<void(error_code, std::size_t)>;
    completion r, w;
    f.b.async_read_some(asio::buffer(out), handler(r.handler()));
    f.a.async_write_some(asio::buffer(in), handler(w.handler()));
    CHECK_FALSE((r.done || w.done));
    f.poll();
    CHECK(r.ok(12));
    CHECK(w.ok(12));
  }
  SECTION("deferred") {
    completion r;
    auto later = f.b.async_read_some(asio::buffer(out), asio::deferred);
    writing w(f.a, bytes_of(3));
    std::move(later)(r.handler());
    f.poll();
    CHECK(r.ok(3));
  }
#endif
}

namespace {

asio::awaitable<void> read_forever(pipe_end end, std::shared_ptr<int> mark) {
  byte_string data(10);
  for (;;) co_await end.async_read_some(asio::buffer(data));
  (void)mark;
}

asio::awaitable<void> write_forever(pipe_end end, std::shared_ptr<int> mark) {
  byte_string data(10);
  for (;;) co_await end.async_write_some(asio::buffer(data));
  (void)mark;
}

}  // namespace

TEST_CASE("the context may be destroyed before its pipes", "[pipe]") {
  auto mark = std::make_shared<int>();
  auto context = std::make_unique<asio::io_context>();
  std::optional strand(asio::make_strand(*context));
  std::vector<pipe_end> outside;
  for (const asio::any_io_executor& executor :
       {asio::any_io_executor(context->get_executor()), asio::any_io_executor(*strand)}) {
    // Both ends in frames that only the pipe keeps alive.
    auto [a, b] = make_pipe(executor);
    asio::co_spawn(executor, read_forever(std::move(a), mark), asio::detached);
    asio::co_spawn(executor, read_forever(std::move(b), mark), asio::detached);
    // One end in a frame, the other one outlives the context.
    auto [c, d] = make_pipe(executor, 25);
    asio::co_spawn(executor, write_forever(std::move(c), mark), asio::detached);
    outside.push_back(std::move(d));
    auto [e, g] = make_pipe(executor);
    asio::co_spawn(executor, read_forever(std::move(e), mark), asio::detached);
    outside.push_back(std::move(g));
  }
  strand.reset();
  context->poll();
  CHECK(mark.use_count() > 8);
  SECTION("while they wait") {}
  SECTION("while completions are under way") {
    for (pipe_end& end : outside) end.close();
  }
  context.reset();
  CHECK(mark.use_count() == 1);
  for (pipe_end& end : outside) CHECK(end.memory() == 0);
}
