// The kit that users test with is itself tested.
#include "catch.hpp"
#include "support.hpp"

#include <muxpro/pipe.hpp>
#include <muxpro/testing/each_failure.hpp>
#include <muxpro/testing/faulty_stream.hpp>
#include <muxpro/testing/hex.hpp>
#include <muxpro/testing/manual_clock.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/detached.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/redirect_error.hpp>
#include <asio/write.hpp>

namespace {

using namespace muxpro;
using namespace muxpro::testing;
using namespace std::chrono_literals;
using asio::error::eof;
using asio::error::operation_aborted;
using test::byte_string;

/// How one operation ended, once it has.
class result {
 public:
  auto handler() const {
    return [s = state_](error_code error, std::size_t n) { *s = {true, error, n}; };
  }
  bool done() const { return state_->done; }
  bool is(error_code error, std::size_t n) const {
    return state_->done && state_->error == error && state_->n == n;
  }
  bool ok(std::size_t n) const { return is({}, n); }

 private:
  struct state {
    bool done = false;
    error_code error;
    std::size_t n = 0;
  };
  std::shared_ptr<state> state_ = std::make_shared<state>();
};

struct fault_fixture {
  explicit fault_fixture(fault_options options = {}) : clock(context) {
    auto [x, y] = make_pipe(context.get_executor());
    a.emplace(std::move(x), std::move(options));
    b = std::move(y);
  }
  void poll() {
    context.restart();
    context.poll();
  }
  result read(std::size_t size) {
    result r;
    data.assign(size, std::byte{255});
    a->async_read_some(asio::buffer(data), r.handler());
    poll();
    return r;
  }
  result write(std::size_t size) {
    result r;
    out = test::pattern(size);
    a->async_write_some(asio::buffer(out), r.handler());
    poll();
    return r;
  }
  /// The other side writes this much.
  void feed(std::size_t size) {
    const byte_string fed = test::pattern(size);
    asio::async_write(b, asio::buffer(fed), asio::detached);
    poll();
  }
  void pass(std::chrono::nanoseconds by) {
    clock.advance(by);
    poll();
  }
  fault& faults() { return a->faults(); }

  asio::io_context context;
  manual_clock clock;
  std::optional<faulty_stream<pipe_end>> a;
  pipe_end b;
  byte_string data, out;
};

const error_code reset = asio::error::connection_reset;
const error_code refused = asio::error::connection_refused;

}  // namespace

TEST_CASE("hex is read and shown in groups", "[testing_kit]") {
  CHECK(from_hex("").empty());
  CHECK(from_hex("00 fF|1\t0\n") == byte_string{std::byte{0}, std::byte{255}, std::byte{16}});
  CHECK_THROWS_AS(from_hex("0"), std::invalid_argument);
  CHECK_THROWS_AS(from_hex("0g"), std::invalid_argument);
  CHECK(to_hex(from_hex("01020304ff")) == "0102 0304 ff");
}

TEST_CASE("a hex difference points at the first byte that differs", "[testing_kit]") {
  const auto difference = [](std::string_view x, std::string_view y) {
    return hex_difference(from_hex(x), from_hex(y));
  };
  CHECK(difference("0102 03", "0102 03").empty());
  CHECK(difference("0102 03", "0102 04") ==
        "bytes differ at offset 2 (expected 3 bytes, got 3)\n"
        "  from offset 0\n"
        "  expected: 0102 03\n"
        "  got:      0102 04\n"
        "                 ^^");
  CHECK(difference("0102 03", "0102") ==
        "bytes differ at offset 2 (expected 3 bytes, got 2)\n"
        "  from offset 0\n"
        "  expected: 0102 03\n"
        "  got:      0102\n"
        "                 ^^");
  byte_string x = test::pattern(1000), y = x;
  y[501] ^= std::byte{1};
  const std::string far = hex_difference(x, y);
  CHECK(far.find("offset 501") != std::string::npos);
  CHECK(far.find("from offset 492\n") != std::string::npos);
  // Right below the byte in the line above.
  const std::size_t got = far.rfind("got:"), line = far.rfind('\n');
  CHECK(far.substr(got + 10 + (far.size() - line - 1 - 2 - 12), 2) == to_hex(std::span(y).subspan(501, 1)));
}

TEST_CASE("without faults a faulty stream is the stream itself", "[testing_kit]") {
  fault_fixture f;
  f.feed(10);
  CHECK(f.read(100).ok(10));
  CHECK(test::has_pattern(std::span(f.data).first(10)));
  CHECK(f.write(20).ok(20));
  CHECK(f.read(0).ok(0));
  CHECK(f.b.available() == 20);
  CHECK(f.faults().reads() == 1);
  CHECK(f.faults().writes() == 1);
  CHECK(f.faults().bytes_read() == 10);
  CHECK(f.faults().bytes_written() == 20);
  CHECK_FALSE(f.faults().fired());
  CHECK(&f.a->lowest_layer() == &f.a->next_layer());
  CHECK(f.a->get_executor() == f.context.get_executor());
  result r;
  f.a->async_shutdown([h = r.handler()](error_code e) { h(e, 0); });
  f.poll();
  CHECK(r.ok(0));
}

TEST_CASE("a faulty stream makes short reads and writes", "[testing_kit]") {
  fault_options options;
  options.read.max_size = 3;
  options.write.max_size = 4;
  SECTION("always as short") {
    fault_fixture f(options);
    f.feed(10);
    CHECK(f.read(10).ok(3));
    CHECK(f.read(2).ok(2));
    CHECK(f.write(10).ok(4));
    CHECK(f.write(10).ok(4));
  }
  SECTION("at random, the same with the same seed") {
    options.write.max_size = 100;
    options.seed = 5;
    fault_fixture f(options), g(options);
    std::size_t before_f = 0, before_g = 0;
    for (int i = 0; i < 50; ++i) {
      f.write(1000);
      g.write(1000);
      const std::size_t n = f.faults().bytes_written() - std::exchange(before_f, f.faults().bytes_written());
      CHECK(n == g.faults().bytes_written() - std::exchange(before_g, g.faults().bytes_written()));
      CHECK(n >= 1);
      CHECK(n <= 100);
    }
    CHECK(f.faults().bytes_written() > 1000);
  }
}

TEST_CASE("a step fails and so does everything after it", "[testing_kit]") {
  fault_options options;
  options.error = refused;
  SECTION("reads and writes counted together") {
    options.fail_at = 2;
    fault_fixture f(options);
    f.feed(10);
    CHECK(f.read(1).ok(1));
    CHECK(f.write(1).ok(1));
    CHECK_FALSE(f.faults().fired());
    CHECK(f.read(1).is(refused, 0));
    CHECK(f.faults().fired());
    CHECK(f.write(1).is(refused, 0));
    CHECK(f.read(1).is(refused, 0));
    CHECK(f.read(0).ok(0));
    CHECK(f.b.available() == 1);
  }
  SECTION("reads only") {
    options.read.fail_at = 1;
    fault_fixture f(options);
    f.feed(10);
    CHECK(f.write(1).ok(1));
    CHECK(f.read(1).ok(1));
    CHECK(f.read(1).is(refused, 0));
    CHECK(f.read(1).is(refused, 0));
    CHECK(f.write(1).ok(1));
  }
  SECTION("writes only") {
    options.write.fail_at = 0;
    fault_fixture f(options);
    f.feed(10);
    CHECK(f.read(1).ok(1));
    CHECK(f.write(1).is(refused, 0));
    CHECK(f.read(1).ok(1));
  }
}

TEST_CASE("a failure is posted like every completion", "[testing_kit]") {
  fault_options options;
  options.fail_at = 0;
  fault_fixture f(options);
  result r;
  f.a->async_read_some(asio::buffer(f.data), r.handler());
  f.data.resize(1);
  f.a->async_read_some(asio::buffer(f.data), r.handler());
  CHECK_FALSE(r.done());
  f.poll();
  CHECK(r.is(reset, 0));
}

TEST_CASE("a direction ends after a byte", "[testing_kit]") {
  fault_options options;
  options.read.end_after = 5;
  options.write.end_after = 7;
  options.error = refused;
  fault_fixture f(options);
  f.feed(10);
  CHECK(f.read(3).ok(3));
  CHECK(f.read(3).ok(2));
  CHECK_FALSE(f.faults().fired());
  CHECK(f.read(3).is(eof, 0));
  CHECK(f.faults().fired());
  CHECK(f.write(9).ok(7));
  CHECK(f.read(3).is(eof, 0));
  CHECK(f.write(9).is(refused, 0));
  CHECK(f.b.available() == 7);
}

TEST_CASE("a delayed operation begins by the manual clock", "[testing_kit]") {
  fault_options options;
  options.read.delay = 2s;
  options.write.delay = 5s;
  fault_fixture f(options);
  f.feed(10);
  const result r = f.read(4), w = f.write(6);
  f.pass(2s - 1ns);
  CHECK_FALSE(r.done());
  f.pass(1ns);
  CHECK(r.ok(4));
  CHECK_FALSE(w.done());
  CHECK(f.b.available() == 0);
  f.pass(3s);
  CHECK(w.ok(6));
}

TEST_CASE("a rate is kept in the long run", "[testing_kit]") {
  fault_options options;
  options.bytes_per_second = 1000;
  fault_fixture f(options);
  std::size_t written = 0;
  const auto begin = f.clock.now();
  while (written < 5000) {
    const result w = f.write(5000 - written);
    f.clock.run_until_idle(f.context);
    REQUIRE(w.done());
    CHECK(f.faults().bytes_written() - written <= 101);
    written = f.faults().bytes_written();
  }
  const auto passed = f.clock.now() - begin;
  CHECK(passed > 4800ms);
  CHECK(passed < 5000ms);
}

TEST_CASE("cancelling a faulty stream's operation", "[testing_kit]") {
  const auto type = GENERATE(asio::cancellation_type::terminal, asio::cancellation_type::partial,
                             asio::cancellation_type::total);
  fault_options options;
  options.write.delay = 1h;
  fault_fixture f(options);
  asio::cancellation_signal stop_read, stop_write;
  result r, w;
  f.data.resize(10);
  f.a->async_read_some(asio::buffer(f.data), asio::bind_cancellation_slot(stop_read.slot(), r.handler()));
  f.a->async_write_some(asio::buffer(f.data), asio::bind_cancellation_slot(stop_write.slot(), w.handler()));
  f.poll();
  SECTION("the next layer's operation is cancelled") {
    stop_read.emit(type);
    f.poll();
    CHECK(r.is(operation_aborted, 0));
    f.feed(1);
    CHECK(f.read(1).ok(1));
  }
  SECTION("an operation that has not begun is cancelled") {
    stop_write.emit(type);
    f.poll();
    CHECK(w.is(operation_aborted, 0));
    CHECK(f.clock.next_expiry() == time_point::max());
    CHECK(f.faults().bytes_written() == 0);
  }
}

TEST_CASE("closing, destroying and moving a faulty stream", "[testing_kit]") {
  fault_options options;
  options.write.delay = 1h;
  fault_fixture f(options);
  const result r = f.read(1), w = f.write(1);
  SECTION("close") { f.a->close(); }
  SECTION("destroy") { f.a.reset(); }
  SECTION("move over") { *f.a = faulty_stream<pipe_end>(make_pipe(f.context.get_executor()).first); }
  SECTION("move away and destroy there") { faulty_stream<pipe_end> moved(std::move(*f.a)); }
  CHECK_FALSE((r.done() || w.done()));
  f.poll();
  CHECK(r.is(operation_aborted, 0));
  CHECK(w.is(operation_aborted, 0));
}

TEST_CASE("a closed faulty stream reports it", "[testing_kit]") {
  fault_fixture f;
  f.a->close();
  CHECK(f.read(1).is(asio::error::bad_descriptor, 0));
  CHECK(f.write(1).is(asio::error::bad_descriptor, 0));
}

TEST_CASE("a faulty stream goes on where it was moved to", "[testing_kit]") {
  fault_fixture f;
  const result r = f.read(5);
  faulty_stream<pipe_end> moved(std::move(*f.a));
  f.a.reset();
  f.feed(5);
  CHECK(r.ok(5));
}

TEST_CASE("the context may be destroyed before a faulty stream", "[testing_kit]") {
  auto context = std::make_unique<asio::io_context>();
  manual_clock clock(*context);
  auto [x, y] = make_pipe(context->get_executor());
  fault_options options;
  options.write.delay = 1h;
  faulty_stream<pipe_end> stream(std::move(x), options);
  byte_string data(1);
  auto mark = std::make_shared<int>();
  stream.async_read_some(asio::buffer(data), [mark](error_code, std::size_t) { FAIL("called"); });
  stream.async_write_some(asio::buffer(data), [mark](error_code, std::size_t) { FAIL("called"); });
  context->poll();
  context.reset();
  CHECK(mark.use_count() == 1);
}

namespace {

asio::awaitable<std::size_t> over_tcp(asio::ip::tcp::socket& a, faulty_stream<asio::ip::tcp::socket>& b) {
  byte_string data(100);
  co_await asio::async_write(a, asio::buffer(data), asio::use_awaitable);
  co_return co_await asio::async_read(b, asio::buffer(data), asio::use_awaitable);
}

}  // namespace

TEST_CASE("a faulty stream wraps a socket as well", "[testing_kit]") {
  asio::io_context context;
  asio::ip::tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
  asio::ip::tcp::socket a(context);
  a.connect(acceptor.local_endpoint());
  fault_options options;
  options.read.max_size = 7;
  faulty_stream<asio::ip::tcp::socket> b(acceptor.accept(), options);
  CHECK(test::run(context, over_tcp(a, b)) == 100);
  CHECK(b.faults().reads() >= 15);
  b.close();
  CHECK_FALSE(b.lowest_layer().is_open());
}

namespace {

/// Writes 4 + 3 bytes and reads 5, with one operation each.
struct exchange {
  void operator()(std::shared_ptr<fault> faults) {
    asio::io_context context;
    auto [x, y] = make_pipe(context.get_executor());
    faulty_stream<pipe_end> a(std::move(x), faults);
    const byte_string in = test::pattern(5);
    asio::async_write(y, asio::buffer(in), asio::detached);
    y.async_shutdown(asio::detached);
    context.poll();
    outcomes.push_back(test::run(context, talk(a)));
  }

  static asio::awaitable<error_code> talk(faulty_stream<pipe_end>& a) {
    error_code error;
    byte_string data(100);
    auto token = asio::redirect_error(asio::use_awaitable, error);
    co_await asio::async_write(a, asio::buffer(data, 4), token);
    if (error) co_return error;
    co_await asio::async_write(a, asio::buffer(data, 3), token);
    if (error) co_return error;
    co_await asio::async_read(a, asio::buffer(data), token);
    co_return error;
  }

  std::vector<error_code> outcomes;
};

}  // namespace

TEST_CASE("a scenario is replayed failing at each step and each byte", "[testing_kit]") {
  exchange scenario;
  // Two writes, a read of the bytes, a read of their end.
  CHECK(each_failure(std::ref(scenario), refused) == 4);
  CHECK(scenario.outcomes == std::vector<error_code>{refused, refused, refused, refused, eof});
  scenario.outcomes.clear();
  // The end after the fifth byte is the fault's, not the peer's.
  CHECK(each_eof(std::ref(scenario)) == 6);
  scenario.outcomes.clear();
  CHECK(each_cut(std::ref(scenario), refused) == 7);
  CHECK(scenario.outcomes.size() == 8);
  CHECK(scenario.outcomes[6] == refused);
  CHECK(scenario.outcomes[7] == eof);
  CHECK_THROWS_AS(each_failure(std::ref(scenario), refused, 3), std::runtime_error);
}

namespace {

asio::awaitable<void> tick(asio::any_io_executor executor, duration every, int times,
                           std::vector<duration>& at) {
  detail::context_timer timer(executor);
  const auto begin = timer.now();
  for (int i = 1; i <= times; ++i) {
    while (timer.now() < begin + i * every) {
      error_code ignored;
      co_await timer.async_wait_until(begin + i * every, asio::redirect_error(asio::use_awaitable, ignored));
    }
    at.push_back(timer.now() - begin);
  }
}

asio::awaitable<void> spin() {
  for (;;) co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
}

}  // namespace

TEST_CASE("a manual clock runs through hours in no time", "[testing_kit]") {
  asio::io_context context;
  manual_clock clock(context);
  std::vector<duration> slow, fast;
  asio::co_spawn(context, tick(context.get_executor(), 25min, 3, slow), asio::detached);
  asio::co_spawn(context, tick(context.get_executor(), 10min, 100, fast), asio::detached);
  CHECK(clock.run_until_idle(context, 59min) == 50min);
  CHECK(slow == std::vector<duration>{25min, 50min});
  CHECK(fast.size() == 5);
  clock.run_for(context, 9min);
  CHECK(fast.size() == 5);
  clock.run_for(context, 1min);
  CHECK(fast.size() == 6);
  CHECK(fast.back() == 60min);
  CHECK(clock.run_until_idle(context, 100h) == 100 * 10min - 60min);
  CHECK(slow.size() == 3);
  CHECK(clock.run_until_idle(context) == 0s);
}

TEST_CASE("a context that does not come to rest is noticed", "[testing_kit]") {
  asio::io_context context;
  manual_clock clock(context, 1000);
  asio::co_spawn(context, spin(), asio::detached);
  CHECK_THROWS_AS(clock.run_until_idle(context), std::runtime_error);
}
