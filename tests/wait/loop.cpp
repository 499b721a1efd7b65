// The coroutine of a session's loops: what it is when its step is called, thrown at or forgotten.
#include "catch.hpp"

#include <muxpro/detail/loop.hpp>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace {

using muxpro::error_code;
using muxpro::detail::loop;
using muxpro::detail::next_turn;
using muxpro::detail::transfer;
using muxpro::detail::transfer_step;

struct owner {
  void loop_ended(std::exception_ptr failure) {
    story += "ended";
    if (!failure) return;
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& e) {
      story += std::string(" by ") + e.what();
    }
  }
  asio::io_context io;
  asio::any_io_executor executor{io.get_executor()};
  std::optional<transfer_step> waiting;
  asio::cancellation_signal stop;
  std::string story;
};

using start = std::function<void(owner&, transfer_step)>;

/// One transfer, as `s` starts it.
loop one_transfer(std::shared_ptr<owner> self, start s) {
  self->story += "begun ";
  const auto begin = [&](transfer_step done) { s(*self, std::move(done)); };
  const auto [ec, n] = co_await transfer(self->executor, self->stop.slot(), begin);
  self->story += std::to_string(n) + (ec ? " " + ec.message() : "") + " ";
}

loop two_turns(std::shared_ptr<owner> self) {
  self->story += "a";
  co_await next_turn(self->executor);
  self->story += "b";
  co_await next_turn(self->executor);
  self->story += "c ";
}

void keep_waiting(owner& o, transfer_step done) { o.waiting.emplace(std::move(done)); }

}  // namespace

TEST_CASE("loop: it goes on behind what the executor has to do", "[loop]") {
  const auto o = std::make_shared<owner>();
  muxpro::detail::post_step(o->executor, two_turns(o).first());
  asio::post(o->io, [&] {
    o->story += "1";
    asio::post(o->io, [&] { o->story += "2"; });
  });
  o->io.run();
  CHECK(o->story == "a1b2c ended");
  CHECK(o.use_count() == 1);
}

TEST_CASE("loop: a transfer has a result", "[loop]") {
  const auto o = std::make_shared<owner>();
  one_transfer(o, keep_waiting).first()();
  CHECK(o->story == "begun ");
  std::exchange(o->waiting, {}).value()(asio::error::eof, 5);
  CHECK(o->story == "begun 5 " + error_code(asio::error::eof).message() + " ended");
  CHECK(o.use_count() == 1);
}

TEST_CASE("loop: a transfer can be cancelled while it lasts", "[loop]") {
  const auto o = std::make_shared<owner>();
  one_transfer(o, [](owner& self, transfer_step done) {
    self.waiting.emplace(std::move(done));
    self.waiting->get_cancellation_slot().assign(
        [&self](asio::cancellation_type) { std::exchange(self.waiting, {}).value()({}, 1); });
  }).first()();
  o->stop.emit(asio::cancellation_type::terminal);
  CHECK(o->story == "begun 1 ended");
  o->stop.emit(asio::cancellation_type::terminal);
  CHECK(o->story == "begun 1 ended");
}

TEST_CASE("loop: what starts a transfer may throw", "[loop]") {
  const auto o = std::make_shared<owner>();
  one_transfer(o, [](owner&, transfer_step) { throw std::runtime_error("no room"); }).first()();
  CHECK(o->story == "begun ended by no room");
  CHECK(o.use_count() == 1);
}

TEST_CASE("loop: what throws may have kept the step before", "[loop]") {
  const auto o = std::make_shared<owner>();
  one_transfer(o, [](owner& self, transfer_step done) {
    keep_waiting(self, std::move(done));
    throw std::runtime_error("too late");
  }).first()();
  CHECK(o->story == "begun ");
  std::exchange(o->waiting, {}).value()({}, 2);
  CHECK(o->story == "begun 2 ended");
  CHECK(o.use_count() == 1);
}

TEST_CASE("loop: a transfer's handler names its executor", "[loop]") {
  const auto o = std::make_shared<owner>();
  const auto strand = asio::make_strand(o->io);
  o->executor = strand;
  one_transfer(o, keep_waiting).first()();
  CHECK(asio::get_associated_executor(*o->waiting) == asio::any_io_executor(strand));
  o->waiting.reset();
  CHECK(o.use_count() == 1);
}

TEST_CASE("loop: a step may be destroyed without a call", "[loop]") {
  const auto o = std::make_shared<owner>();
  SECTION("before it has a step") {
    two_turns(o);
    CHECK(o->story.empty());
  }
  SECTION("before it has begun") {
    static_cast<void>(two_turns(o).first());
    CHECK(o->story.empty());
  }
  SECTION("at once") {
    one_transfer(o, [](owner&, transfer_step) {}).first()();
    CHECK(o->story == "begun ");
  }
  SECTION("later") {
    one_transfer(o, keep_waiting).first()();
    o->waiting.reset();
    CHECK(o->story == "begun ");
  }
  CHECK(o.use_count() == 1);
}

TEST_CASE("loop: it goes with the executor that has its turn", "[loop]") {
  const auto o = std::make_shared<owner>();
  {
    asio::io_context other;
    o->executor = other.get_executor();
    two_turns(o).first()();
  }
  CHECK(o->story == "a");
  CHECK(o.use_count() == 1);
}
