// Every operation takes any completion token: callbacks, futures, deferred, bound executors and slots.
#include "session_support.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>
#if __has_include(<asio/deferred.hpp>)
#include <asio/deferred.hpp>
#else
#include <asio/experimental/deferred.hpp>
#endif

#include <future>
#include <thread>

namespace {

using namespace io_test;

#if __has_include(<asio/deferred.hpp>)
inline constexpr auto lazily = asio::deferred;
#else
inline constexpr auto lazily = asio::experimental::deferred;
#endif

const std::vector<asio::cancellation_type> cancellations{
    asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total};

/// The same conversation, each answer by a callback, without a coroutine.
class callbacks {
 public:
  explicit callbacks(session_pair& p) : p_(p) {}

  void start() {
    p_.server.async_accept([this](error_code error, sub_stream s) {
      REQUIRE_FALSE(error);
      accepted_ = std::move(s);
      asio::async_read(accepted_, asio::buffer(question_), [this](error_code e, std::size_t) { answer(e); });
    });
    p_.client.async_open(with_data("ping"), [this](error_code error, sub_stream s) {
      REQUIRE_FALSE(error);
      opened_ = std::move(s);
      asio::async_read(opened_, asio::buffer(reply_), [this](error_code e, std::size_t) { finish(e); });
    });
  }
  bool done = false;

 private:
  void answer(error_code error) {
    REQUIRE_FALSE(error);
    CHECK(question_ == "ping");
    asio::async_write(accepted_, asio::buffer("pong", 4), [this](error_code e, std::size_t n) {
      CHECK_FALSE(e);
      CHECK(n == 4);
      accepted_.async_shutdown([](error_code ended) { CHECK_FALSE(ended); });
    });
  }
  void finish(error_code error) {
    CHECK_FALSE(error);
    CHECK(reply_ == "pong");
    opened_.async_shutdown([this](error_code) {
      p_.client.async_drain([this](error_code e) {
        CHECK_FALSE(e);
        done = true;
      });
    });
  }

  session_pair& p_;
  sub_stream opened_, accepted_;
  std::string question_ = std::string(4, ' ');
  std::string reply_ = std::string(4, ' ');
};

/// A context that runs on a thread of its own until this goes.
class background {
 public:
  explicit background(asio::io_context& context) : context_(context), thread_([this] { context_.run(); }) {}
  ~background() {
    context_.stop();
    thread_.join();
  }
  background(const background&) = delete;
  background& operator=(const background&) = delete;

 private:
  asio::io_context& context_;
  std::thread thread_;
};

/// Starts an operation on the context's thread and waits for its future here.
template <class Start>
auto wait_for(asio::io_context& context, Start start) {
  std::promise<decltype(start())> started;
  auto result = started.get_future();
  asio::post(context, [&] { started.set_value(start()); });
  auto future = result.get();
  if (future.wait_for(10s) != std::future_status::ready) throw std::runtime_error("the future never comes");
  return future.get();
}

awaitable<> deferred_operations(session_pair& p) {
  auto open = p.client.async_open(with_data("lazy"), lazily);
  co_await yield();
  CHECK(p.client.stats().opened == 0);
  sub_stream client = co_await std::move(open)(asio::use_awaitable);
  auto accept = p.server.async_accept(lazily);
  sub_stream server = co_await std::move(accept)(asio::use_awaitable);
  std::string got(4, ' ');
  auto read = server.async_read_some(asio::buffer(got), lazily);
  const std::size_t n = co_await std::move(read)(asio::use_awaitable);
  CHECK(n == 4);
  CHECK(got == "lazy");
  auto write = server.async_write_some(asio::buffer(got), lazily);
  const std::size_t m = co_await std::move(write)(asio::use_awaitable);
  CHECK(m == 4);
}

awaitable<> on_another_executor(session_pair& p, asio::any_io_executor other, std::thread::id thread) {
  stream_pair s = co_await open_pair(p);
  std::promise<std::thread::id> reading;
  std::string got(4, ' ');
  const auto note = [&reading](error_code, std::size_t) { reading.set_value(std::this_thread::get_id()); };
  s.server.async_read_some(asio::buffer(got), asio::bind_executor(other, note));
  co_await write_text(s.client, "here");
  auto where = reading.get_future();
  while (where.wait_for(0s) != std::future_status::ready) co_await yield(1);
  CHECK(where.get() == thread);
  CHECK(got == "here");

  std::promise<std::thread::id> at_once;
  co_await write_text(s.client, "soon");
  co_await yield();
  const auto note_at_once = [&at_once](error_code, std::size_t) {
    at_once.set_value(std::this_thread::get_id());
  };
  s.server.async_read_some(asio::buffer(got), asio::bind_executor(other, note_at_once));
  where = at_once.get_future();
  while (where.wait_for(0s) != std::future_status::ready) co_await yield(1);
  CHECK(where.get() == thread);
}

std::thread::id thread_of(asio::thread_pool& pool) {
  std::promise<std::thread::id> id;
  asio::post(pool, [&id] { id.set_value(std::this_thread::get_id()); });
  return id.get_future().get();
}

// --- cancellation

awaitable<> cancelled_read(session_pair& p, asio::cancellation_type type) {
  stream_pair s = co_await open_pair(p);
  std::string got(5, ' ');
  expected_completion read;
  asio::cancellation_signal stop;
  s.server.async_read_some(asio::buffer(got), asio::bind_cancellation_slot(stop.slot(), read.handler()));
  co_await yield();
  stop.emit(type);
  co_await yield();
  CHECK(read.error() == asio::error::operation_aborted);
  co_await write_text(s.client, "whole");
  const std::string all = co_await read_text(s.server, 5);
  CHECK(all == "whole");
}

awaitable<> cancelled_write(session_pair& p, asio::cancellation_type type) {
  stream_pair s = co_await open_pair(p);
  const byte_string window = pattern(65536);
  co_await asio::async_write(s.client, asio::buffer(window), asio::use_awaitable);
  const byte_string rest = pattern(100, 65536);
  expected_completion write;
  asio::cancellation_signal stop;
  s.client.async_write_some(asio::buffer(rest), asio::bind_cancellation_slot(stop.slot(), write.handler()));
  co_await yield();
  stop.emit(type);
  co_await yield();
  CHECK(write.error() == asio::error::operation_aborted);
  CHECK(write.n() == 0);
  byte_string got(65536 + 100);
  co_await asio::async_read(s.server, asio::buffer(got.data(), 65536), asio::use_awaitable);
  co_await asio::async_write(s.client, asio::buffer(rest), asio::use_awaitable);
  co_await asio::async_read(s.server, asio::buffer(got.data() + 65536, 100), asio::use_awaitable);
  CHECK(test::has_pattern(got));
}

// The main connection takes nothing: the write has its credit and waits for its turn.
awaitable<> cancelled_write_gives_credit_back(scripted_session& s, asio::cancellation_type type) {
  co_await s.agree();
  sub_stream first = co_await s.subject.async_open(to_tcp());
  sub_stream second = co_await s.subject.async_open(to_tcp());
  const byte_string data(40'000);
  expected_completion blocking, write;
  asio::cancellation_signal stop;
  first.async_write_some(asio::buffer(data), blocking.handler());
  co_await yield();
  second.async_write_some(asio::buffer(data), asio::bind_cancellation_slot(stop.slot(), write.handler()));
  co_await yield();
  CHECK(second.stats().send_credit == 65536 - data.size());
  stop.emit(type);
  co_await yield();
  CHECK(write.error() == asio::error::operation_aborted);
  CHECK(write.n() == 0);
  CHECK(second.stats().send_credit == 65536);
}

// The main connection is in the middle of it: what has begun cannot be taken back.
awaitable<> cancelled_write_on_its_way(scripted_session& s, asio::cancellation_type type) {
  co_await s.agree();
  sub_stream stream = co_await s.subject.async_open(to_tcp());
  const byte_string data = pattern(40'000);
  expected_completion write;
  asio::cancellation_signal stop;
  stream.async_write_some(asio::buffer(data), asio::bind_cancellation_slot(stop.slot(), write.handler()));
  co_await yield();
  stop.emit(type);
  co_await yield();
  CHECK_FALSE(write.done());
  co_await next_words(s.peer);
  const auto f = co_await s.peer.expect_frame();
  co_await yield();
  CHECK(write.done());
  CHECK_FALSE(write.error());
  CHECK(write.n() == f.payload.size());
  CHECK(test::has_pattern(f.payload));
}

awaitable<> cancelled_shutdown(scripted_session& s, asio::cancellation_type type) {
  co_await s.agree();
  sub_stream stream = co_await s.subject.async_open(to_tcp());
  const byte_string data(40'000);
  expected_completion write, shutdown;
  asio::cancellation_signal stop;
  stream.async_write_some(asio::buffer(data), write.handler());
  co_await yield();
  stream.async_shutdown(asio::bind_cancellation_slot(stop.slot(), shutdown.handler()));
  stop.emit(type);
  co_await yield();
  CHECK(shutdown.error() == asio::error::operation_aborted);
  std::string next = co_await next_words(s.peer);
  CHECK(next == "new 1");
  next = co_await next_words(s.peer);
  CHECK(next == "keep 1 +40000");
  co_await s.peer.expect_silence(5s);
  co_await write_text(stream, "more");
  next = co_await next_words(s.peer);
  CHECK(next == "keep 1 +4");
}

awaitable<> cancelled_accept(session_pair& p, asio::cancellation_type type) {
  expected_completion accept;
  asio::cancellation_signal stop;
  p.server.async_accept(asio::bind_cancellation_slot(stop.slot(), accept.handler()));
  co_await yield();
  stop.emit(type);
  co_await yield();
  CHECK(accept.error() == asio::error::operation_aborted);
  const stream_pair s = co_await open_pair(p);
  CHECK(s.server.is_open());
}

awaitable<> cancelled_open_and_drain(scripted_session& s, asio::cancellation_type type) {
  expected_completion open, drain;
  asio::cancellation_signal stop_open, stop_drain;
  s.subject.async_open(to_tcp(), asio::bind_cancellation_slot(stop_open.slot(), open.handler()));
  co_await yield();
  CHECK_FALSE(open.done());
  stop_open.emit(type);
  co_await yield();
  CHECK(open.error() == asio::error::operation_aborted);
  co_await s.agree();
  sub_stream stream = co_await s.subject.async_open(to_tcp());
  s.subject.async_drain(asio::bind_cancellation_slot(stop_drain.slot(), drain.handler()));
  co_await yield();
  CHECK_FALSE(drain.done());
  stop_drain.emit(type);
  co_await yield();
  CHECK(drain.error() == asio::error::operation_aborted);
  co_await s.peer.expect(new_tcp(1));
  co_await s.peer.expect_silence(1s);
}

awaitable<> cancelled_run(asio::io_context& context, asio::cancellation_type type) {
  auto [a, b] = make_pipe(context.get_executor());
  session client(std::move(a), role::client);
  expected_completion run, open;
  asio::cancellation_signal stop;
  client.async_run(asio::bind_cancellation_slot(stop.slot(), run.handler()));
  client.async_open(to_tcp(), open.handler());
  co_await yield();
  stop.emit(type);
  co_await yield();
  CHECK(run.done());
  CHECK(open.done());
  CHECK(open.error());
  byte_string request(25), more(1);
  co_await asio::async_read(b, asio::buffer(request), as_result);
  const auto [error, n] = co_await b.async_read_some(asio::buffer(more), as_result);
  CHECK(error);
}

void cancel_each(awaitable<> (*work)(scripted_session&, asio::cancellation_type), std::size_t capacity) {
  for (const auto type : cancellations) {
    asio::io_context context;
    manual_clock clock(context);
    scripted_session s(context, role::client, {}, capacity);
    run(clock, context, work(s, type));
  }
}

void with_pair(awaitable<> (*work)(session_pair&, asio::cancellation_type)) {
  for (const auto type : cancellations) {
    asio::io_context context;
    session_pair p(context);
    run(context, work(p, type));
  }
}

}  // namespace

TEST_CASE("callbacks", "[session][token]") {
  asio::io_context context;
  session_pair p(context);
  callbacks talk(p);
  talk.start();
  test::run_until(context, [&] { return talk.done; });
}

TEST_CASE("futures, with the session on a thread of its own", "[session][token]") {
  asio::io_context context;
  session_pair p(context);
  {
    background thread(context);
    sub_stream client = wait_for(context, [&] { return p.client.async_open(to_tcp(), asio::use_future); });
    sub_stream server = wait_for(context, [&] { return p.server.async_accept(asio::use_future); });
    const auto write = [&] { return asio::async_write(client, asio::buffer("future", 6), asio::use_future); };
    CHECK(wait_for(context, write) == 6);
    std::string got(6, ' ');
    const auto read = [&] { return asio::async_read(server, asio::buffer(got), asio::use_future); };
    CHECK(wait_for(context, read) == 6);
    CHECK(got == "future");
    wait_for(context, [&] { return server.async_shutdown(asio::use_future); });
    const auto end = [&] { return client.async_read_some(asio::buffer(got), asio::use_future); };
    CHECK_THROWS_AS(wait_for(context, end), std::system_error);
    // They belong to the session's thread, their ends as well.
    const auto let_go = [&] {
      client = sub_stream();
      server = sub_stream();
    };
    asio::post(context, asio::use_future(let_go)).get();
  }
}

TEST_CASE("deferred operations begin when they are started", "[session][token]") {
  asio::io_context context;
  session_pair p(context);
  run(context, deferred_operations(p));
}

TEST_CASE("a handler bound to another executor runs there", "[session][token]") {
  asio::thread_pool pool(1);
  const std::thread::id there = thread_of(pool);
  asio::io_context context;
  session_pair p(context);
  run(context, on_another_executor(p, pool.get_executor(), there));
  pool.join();
}

TEST_CASE("a cancelled read loses no byte", "[sub_stream][cancellation]") { with_pair(cancelled_read); }

TEST_CASE("a cancelled write that waits for credit has sent nothing", "[sub_stream][cancellation]") {
  with_pair(cancelled_write);
}

TEST_CASE("a cancelled write gives its credit back", "[sub_stream][cancellation]") {
  cancel_each(cancelled_write_gives_credit_back, 1024);
}

TEST_CASE("a cancelled write on its way ends well with what was sent", "[sub_stream][cancellation]") {
  cancel_each(cancelled_write_on_its_way, 1024);
}

TEST_CASE("a cancelled shutdown sends nothing", "[sub_stream][cancellation]") {
  cancel_each(cancelled_shutdown, 1024);
}

TEST_CASE("a cancelled accept loses no sub-stream", "[session][cancellation]") {
  with_pair(cancelled_accept);
}

TEST_CASE("a cancelled open opens nothing, a cancelled drain goes on draining", "[session][cancellation]") {
  cancel_each(cancelled_open_and_drain, 65536);
}

TEST_CASE("a cancelled run closes the session", "[session][cancellation]") {
  for (const auto type : cancellations) {
    asio::io_context context;
    run(context, cancelled_run(context, type));
  }
}
