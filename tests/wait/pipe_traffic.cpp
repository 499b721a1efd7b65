// A pipe under load: both ways at once, cut anywhere, cancelled at random, failing at every step, short of
// memory.
#include "catch.hpp"
#include "support.hpp"

#include <muxpro/pipe.hpp>
#include <muxpro/testing/each_failure.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/detached.hpp>
#include <asio/read.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <asio/write.hpp>

#include <atomic>
#include <cstdlib>
#include <limits>
#include <new>

namespace {

// The bytes of a pipe are the only arrays of which more than this is asked for here.
std::atomic<std::size_t> largest_array = std::numeric_limits<std::size_t>::max();

}  // namespace

void* operator new[](std::size_t n) {
  if (n > largest_array) throw std::bad_alloc();
  if (void* p = std::malloc(n)) return p;
  throw std::bad_alloc();
}
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept {
  return n > largest_array ? nullptr : std::malloc(n);
}
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }

namespace {

using namespace muxpro;
using testing::fault;
using testing::fault_options;
using testing::faulty_stream;

using random_engine = std::mt19937_64;

/// Writes the pattern in random pieces, then shuts down.
template <class Stream>
asio::awaitable<void> write_pattern(Stream& out, std::uint64_t total, random_engine random) {
  test::byte_string piece;
  for (std::uint64_t sent = 0; sent != total;) {
    piece.resize(std::min<std::uint64_t>(1 + random() % (random() % 8 == 0 ? 5000 : 40), total - sent));
    test::fill_pattern(piece, sent);
    const std::size_t n = co_await out.async_write_some(asio::buffer(piece), asio::use_awaitable);
    if (n == 0) throw std::runtime_error("a write of nothing");
    sent += n;
  }
  co_await out.async_shutdown(asio::use_awaitable);
}

/// Reads the pattern in random pieces up to eof; returns how long it was.
template <class Stream>
asio::awaitable<std::uint64_t> read_pattern(Stream& in, random_engine random) {
  test::byte_string piece;
  std::uint64_t received = 0;
  for (;;) {
    piece.resize(1 + random() % (random() % 8 == 0 ? 5000 : 40));
    auto [error, n] = co_await in.async_read_some(asio::buffer(piece), test::as_result);
    if (error == asio::error::eof) co_return received;
    if (error) throw std::system_error(error);
    if (n == 0) throw std::runtime_error("a read of nothing");
    if (!test::has_pattern(std::span(piece).first(n), received)) throw std::runtime_error("wrong bytes");
    received += n;
  }
}

struct traffic {
  bool done() const { return finished == 4; }
  auto writer() {
    return [this](std::exception_ptr e) { note(e); };
  }
  auto reader(std::uint64_t& count) {
    return [this, &count](std::exception_ptr e, std::uint64_t n) {
      count = n;
      note(e);
    };
  }
  void note(std::exception_ptr e) {
    ++finished;
    if (e) error = e;
  }

  int finished = 0;
  std::exception_ptr error;
  std::uint64_t received[2] = {0, 0};
};

template <class A, class B>
void both_ways(asio::io_context& context, A& a, B& b, std::uint64_t there, std::uint64_t back) {
  traffic t;
  random_engine random(there + back);
  const auto seeded = [&random] { return random_engine(random()); };
  asio::co_spawn(context, write_pattern(a, there, seeded()), t.writer());
  asio::co_spawn(context, write_pattern(b, back, seeded()), t.writer());
  asio::co_spawn(context, read_pattern(b, seeded()), t.reader(t.received[0]));
  asio::co_spawn(context, read_pattern(a, seeded()), t.reader(t.received[1]));
  test::run_until(
      context, [&t] { return t.done(); }, std::chrono::seconds(60));
  if (t.error) std::rethrow_exception(t.error);
  CHECK(t.received[0] == there);
  CHECK(t.received[1] == back);
}

}  // namespace

TEST_CASE("content survives both ways at once, whatever the capacity and the pieces", "[pipe]") {
  const std::size_t capacity = GENERATE(0u, 1u, 2u, 7u, 1024u, 1025u, 65536u);
  asio::io_context context;
  auto [a, b] = make_pipe(context.get_executor(), capacity);
  const std::size_t laps = capacity < 8 ? 1 : 5;  // a small pipe takes as many turns for fewer bytes
  both_ways(context, a, b, laps * 40'000, laps * 30'000);
  CHECK(a.memory() == 0);
}

TEST_CASE("short and slow I/O on both ends changes nothing", "[pipe]") {
  asio::io_context context;
  auto [a, b] = make_pipe(context.get_executor(), 100);
  fault_options shorter;
  shorter.read.max_size = 9;
  shorter.write.max_size = 13;
  shorter.seed = 7;
  faulty_stream<pipe_end> x(std::move(a), shorter), y(std::move(b), shorter);
  both_ways(context, x, y, 20'000, 15'000);
  CHECK(x.faults().reads() > 15'000 / 9);
  CHECK_FALSE(x.faults().fired());
}

TEST_CASE("without memory a pipe hands bytes over from writer to reader", "[pipe]") {
  asio::io_context context;
  auto [a, b] = make_pipe(context.get_executor());
  largest_array = GENERATE(1023u, 2047u);  // none at all, or what was there once and cannot grow
  try {
    both_ways(context, a, b, 100'000, 50'000);
  } catch (...) {
    largest_array = std::numeric_limits<std::size_t>::max();
    throw;
  }
  largest_array = std::numeric_limits<std::size_t>::max();
  CHECK(a.memory() == 0);
}

namespace {

/// An echo over two faulty ends. Whatever fails, both sides end, and what arrived is right.
struct echo {
  using stream = faulty_stream<pipe_end>;

  static asio::awaitable<void> serve(stream end) {
    test::byte_string data(3);
    for (;;) {
      auto [error, n] = co_await end.async_read_some(asio::buffer(data), test::as_result);
      if (error == asio::error::eof) break;
      if (error) co_return;
      auto [failed, written] = co_await asio::async_write(end, asio::buffer(data, n), test::as_result);
      if (failed) co_return;
    }
    co_await end.async_shutdown(asio::use_awaitable);
  }

  static asio::awaitable<std::string> ask(stream end) {
    const std::string question = "what goes out";
    auto [failed, written] = co_await asio::async_write(end, asio::buffer(question), test::as_result);
    if (failed) co_return "";
    co_await end.async_shutdown(asio::use_awaitable);
    std::string answer(100, ' ');
    auto [error, n] = co_await asio::async_read(end, asio::buffer(answer), test::as_result);
    if (error != asio::error::eof) co_return "";
    co_return answer.substr(0, n);
  }

  void operator()(std::shared_ptr<fault> faults) {
    ++runs;
    asio::io_context context;
    auto [a, b] = make_pipe(context.get_executor(), 8);
    bool served = false;
    asio::co_spawn(context, serve(stream(std::move(a), faults)), [&](std::exception_ptr) { served = true; });
    std::string answer;
    try {
      answer = test::run(context, ask(stream(std::move(b), faults)));
    } catch (const std::system_error&) {
      // A shutdown after the other side has gone.
    }
    test::run_until(context, [&] { return served; });
    if (!faults->fired()) CHECK(answer == "what goes out");
    CHECK(std::string("what goes out").starts_with(answer));
  }

  int runs = 0;
};

}  // namespace

TEST_CASE("an exchange over a pipe ends on both sides, wherever it fails", "[pipe]") {
  echo scenario;
  const std::size_t steps = testing::each_failure(std::ref(scenario));
  CHECK(steps > 15);
  CHECK(scenario.runs == static_cast<int>(steps) + 1);
  // Both ends count together: 13 bytes there and 13 back.
  CHECK(testing::each_cut(std::ref(scenario)) == 26);
}

TEST_CASE("cancelling at random loses and repeats no byte", "[pipe]") {
  random_engine random(3);
  asio::io_context context;
  auto [a, b] = make_pipe(context.get_executor(), 50);
  struct operation {
    asio::cancellation_signal stop;
    test::byte_string data;
    bool pending = false;
    std::uint64_t moved = 0;
    int aborted = 0;
  } reading, writing;
  for (int step = 0; step < 100'000; ++step) {
    switch (random() % 5) {
      case 0:
        if (reading.pending) break;
        reading.pending = true;
        reading.data.resize(1 + random() % 60);
        a.async_read_some(
            asio::buffer(reading.data),
            asio::bind_cancellation_slot(reading.stop.slot(), [&](error_code error, std::size_t n) {
              reading.pending = false;
              if (error) ++reading.aborted;
              REQUIRE((n == 0) == (error == asio::error::operation_aborted));
              REQUIRE(test::has_pattern(std::span(reading.data).first(n), reading.moved));
              reading.moved += n;
            }));
        break;
      case 1:
        if (writing.pending) break;
        writing.pending = true;
        writing.data = test::pattern(1 + random() % 60, writing.moved);
        b.async_write_some(
            asio::buffer(writing.data),
            asio::bind_cancellation_slot(writing.stop.slot(), [&](error_code error, std::size_t n) {
              writing.pending = false;
              if (error) ++writing.aborted;
              REQUIRE((n == 0) == (error == asio::error::operation_aborted));
              writing.moved += n;
            }));
        break;
      case 2: (random() % 2 == 0 ? reading : writing).stop.emit(asio::cancellation_type::total); break;
      default: context.restart(); context.poll_one();
    }
  }
  a.close();
  context.restart();
  context.poll();
  CHECK(reading.aborted > 100);
  CHECK(writing.aborted > 100);
  CHECK(writing.moved > 100'000);
  CHECK(writing.moved >= reading.moved);
  CHECK(writing.moved <= reading.moved + 50 + 60);
}

namespace {

template <class T>
asio::awaitable<void> counted(asio::awaitable<T> work, std::atomic<int>& finished) {
  co_await std::move(work);
  ++finished;
}

}  // namespace

TEST_CASE("pipes on the strands of a thread pool", "[pipe]") {
  asio::thread_pool pool(4);
  std::vector<std::pair<pipe_end, pipe_end>> pipes;
  std::atomic<int> finished = 0;
  constexpr int count = 12;
  for (int i = 0; i < count; ++i) pipes.push_back(make_pipe(asio::make_strand(pool), 200));
  for (auto& [a, b] : pipes) {
    const auto strand = a.get_executor();
    asio::co_spawn(strand, counted(write_pattern(a, 20'000, random_engine(1)), finished), asio::detached);
    asio::co_spawn(strand, counted(write_pattern(b, 20'000, random_engine(2)), finished), asio::detached);
    asio::co_spawn(strand, counted(read_pattern(a, random_engine(3)), finished), asio::detached);
    asio::co_spawn(strand, counted(read_pattern(b, random_engine(4)), finished), asio::detached);
  }
  pool.wait();
  CHECK(finished == 4 * count);
}
