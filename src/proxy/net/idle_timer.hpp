// idle_timer, which makes one call when touch() was not called for a while.
#pragma once

#include <muxpro/options.hpp>
#include <muxpro/timer.hpp>

#include <asio/any_io_executor.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>

namespace muxpro::proxy {

/// touch() reads the clock and does not re-arm the timer. Belongs to one strand.
class idle_timer {
 public:
  idle_timer(asio::any_io_executor executor, duration limit, std::function<void()> call)
      : state_(std::make_shared<state>(std::move(executor), limit, std::move(call))) {
    watch(state_);
  }
  idle_timer(const idle_timer&) = delete;
  ~idle_timer() { stop(); }

  /// Something has happened.
  void touch() { state_->last = std::chrono::steady_clock::now(); }
  void shorten(duration limit) {
    state_->limit = std::min(limit, state_->limit);
    state_->timer.cancel();
  }
  void stop() {
    state_->call = nullptr;
    state_->timer.cancel();
  }

 private:
  struct state {
    state(asio::any_io_executor executor, duration l, std::function<void()> c)
        : timer(std::move(executor)), limit(l), call(std::move(c)) {}
    time_point deadline() const { return last + limit; }
    counted_timer timer;
    duration limit;
    std::function<void()> call;  ///< empty if stopped or called
    time_point last = std::chrono::steady_clock::now();
  };

  static void watch(const std::shared_ptr<state>& s) {
    s->timer.expires_at(s->deadline());
    s->timer.async_wait([s](std::error_code) {
      if (!s->call) return;
      if (std::chrono::steady_clock::now() < s->deadline()) return watch(s);
      std::exchange(s->call, nullptr)();
    });
  }

  const std::shared_ptr<state> state_;
};

}  // namespace muxpro::proxy
