// What connects an inbound with an outbound: a pipe, and the word of what became of the target. Ring 4.
#pragma once

#include <muxpro/error.hpp>
#include <muxpro/pipe.hpp>
#include <muxpro/semaphore.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// Said once by one stage, awaited once by another one; the first word counts. Belongs to one strand.
class word {
 public:
  explicit word(asio::any_io_executor executor) : known_(std::move(executor)) {}

  void tell(std::error_code ec) {
    if (std::exchange(told_, true)) return;
    ec_ = ec;
    known_.release();
  }
  asio::awaitable<std::error_code> wait();

 private:
  semaphore known_;
  bool told_ = false;
  std::error_code ec_;
};

/// The outbound says whether the target is there and how it ended; the inbound may wait for either, and may
/// give up. Belongs to one strand.
class outcome {
 public:
  explicit outcome(const asio::any_io_executor& executor) : reached_(executor), ended_(executor) {}

  /// No error: the target is there, or it will be told later that it is not.
  void tell(std::error_code ec) { reached_.tell(ec); }
  /// Why the link has ended; none: EOF both ways.
  void end(std::error_code why) { ended_.tell(why); }
  /// Complete when tell() or end() was called; with operation_aborted if the outbound went without a word.
  asio::awaitable<std::error_code> wait() { return reached_.wait(); }
  asio::awaitable<std::error_code> wait_for_end() { return ended_.wait(); }

  /// `call` when the inbound gives up; empty: nothing any more.
  void on_abandoned(std::function<void()> call) {
    abandoned_ = std::move(call);
    if (gone_ && abandoned_) std::exchange(abandoned_, nullptr)();
  }
  void abandon() {
    gone_ = true;
    if (abandoned_) std::exchange(abandoned_, nullptr)();
  }

 private:
  word reached_, ended_;
  bool gone_ = false;
  std::function<void()> abandoned_;
};

/// The inbound's end. What it writes goes to the target. Destroying it gives the connection up.
class inbound_link {
 public:
  inbound_link(pipe_end s, std::shared_ptr<outcome> t) noexcept
      : stream(std::move(s)), target_(std::move(t)) {}
  inbound_link(inbound_link&&) noexcept = default;
  inbound_link& operator=(inbound_link&&) = delete;
  ~inbound_link() {
    if (target_) target_->abandon();
  }
  asio::awaitable<std::error_code> async_wait_for_target() { return target_->wait(); }
  /// async_wait_for_target() ends, and the outbound is told that nobody wants it any more.
  void give_up() {
    target_->tell(asio::error::operation_aborted);
    target_->abandon();
  }
  /// For a client that can still be told why `stream` was cut.
  asio::awaitable<std::error_code> async_wait_for_end() { return target_->wait_for_end(); }

  pipe_end stream;

 private:
  std::shared_ptr<outcome> target_;
};

/// The outbound's end. Destroying it before tell() or end() says operation_aborted.
class outbound_link {
 public:
  outbound_link(pipe_end s, std::shared_ptr<outcome> t) noexcept
      : stream(std::move(s)), target_(std::move(t)) {}
  outbound_link(outbound_link&&) noexcept = default;
  outbound_link& operator=(outbound_link&&) = delete;
  ~outbound_link() {
    if (!target_) return;
    target_->tell(asio::error::operation_aborted);
    target_->end(asio::error::operation_aborted);
  }
  outcome& target() noexcept { return *target_; }

  pipe_end stream;
  /// Was read from `stream` already, and goes to the target first.
  std::vector<std::byte> first_data;

 private:
  std::shared_ptr<outcome> target_;
};

/// The two ends, with `capacity` bytes each way.
std::pair<inbound_link, outbound_link> make_link(const asio::any_io_executor& executor, std::size_t capacity);

}  // namespace muxpro::proxy
