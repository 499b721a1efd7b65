// An outcome that is set once: before and after the wait, given up, and never.
#include "catch.hpp"
#include "support.hpp"

#include <muxpro/one_shot.hpp>

#include <asio/bind_cancellation_slot.hpp>

#include <memory>
#include <optional>

namespace {

using namespace muxpro;

struct fixture {
  void wait() {
    word->async_wait(context.get_executor(),
                     asio::bind_cancellation_slot(stop.slot(), [this](error_code ec) { heard = ec; }));
  }
  void run_ready() {
    context.restart();
    context.poll();
  }

  asio::io_context context;
  std::unique_ptr<one_shot> word = std::make_unique<one_shot>();
  asio::cancellation_signal stop;
  std::optional<error_code> heard;
};

}  // namespace

TEST_CASE("an outcome completes its waiter by post, set before or after the wait", "[one_shot]") {
  fixture f;
  const bool before = GENERATE(true, false);
  if (before) f.word->set(end_code::timeout);
  f.wait();
  CHECK_FALSE(f.heard);
  f.run_ready();
  if (!before) {
    CHECK_FALSE(f.heard);
    f.word->set(end_code::timeout);
    CHECK_FALSE(f.heard);
    f.run_ready();
  }
  CHECK(f.heard == make_error_code(end_code::timeout));
  CHECK(f.word->is_set());
}

TEST_CASE("the first outcome counts", "[one_shot]") {
  fixture f;
  CHECK_FALSE(f.word->is_set());
  f.word->set({});
  f.word->set(end_code::timeout);
  CHECK(f.word->outcome() == error_code());
  f.wait();
  f.run_ready();
  CHECK(f.heard == error_code());
}

TEST_CASE("one waits at a time", "[one_shot]") {
  fixture f;
  f.wait();
  error_code second;
  f.word->async_wait(f.context.get_executor(), [&second](error_code ec) { second = ec; });
  f.run_ready();
  CHECK(second == errc::operation_in_progress);
  f.word->set({});
  f.run_ready();
  CHECK(f.heard == error_code());
}

TEST_CASE("a wait that was given up may come again", "[one_shot]") {
  fixture f;
  const auto type = GENERATE(asio::cancellation_type::terminal, asio::cancellation_type::partial,
                             asio::cancellation_type::total);
  f.wait();
  f.stop.emit(type);
  CHECK_FALSE(f.heard);
  f.run_ready();
  CHECK(f.heard == error_code(asio::error::operation_aborted));
  f.heard.reset();
  f.wait();
  f.word->set({});
  f.run_ready();
  CHECK(f.heard == error_code());
}

TEST_CASE("silence is operation_aborted", "[one_shot]") {
  fixture f;
  f.wait();
  f.word.reset();
  f.run_ready();
  CHECK(f.heard == error_code(asio::error::operation_aborted));
}

TEST_CASE("a context may go first, the handler with it", "[one_shot]") {
  auto word = std::make_unique<one_shot>();
  auto context = std::make_unique<asio::io_context>();
  const auto token = std::make_shared<int>();
  word->async_wait(context->get_executor(), [token](error_code) { FAIL("nobody is left to hear it"); });
  context.reset();
  CHECK(token.use_count() == 1);
  word->set({});
}
