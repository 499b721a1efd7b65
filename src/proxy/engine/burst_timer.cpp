#include "proxy/engine/burst_timer.hpp"
#include <muxpro/timer.hpp>

#include <asio/post.hpp>

#include <mutex>
#include <utility>

namespace muxpro::proxy {

struct burst_timer::state : std::enable_shared_from_this<state> {
  explicit state(report r) : call(std::move(r)) {}

  // The timer belongs to its handler, so that it goes with the context of the executor.
  void wait_until(time_point when) {
    const auto timer = std::make_shared<counted_timer>(executor, when);
    timer->async_wait([self = shared_from_this(), timer](std::error_code) { self->step(); });
  }
  void step() noexcept {
    const std::lock_guard lock(mutex);
    armed = false;
    try {
      if (!call) return;
      const time_point next = call();
      if (next == time_point::max()) return;
      wait_until(next);
      armed = true;
    } catch (...) {
      // There is no memory, or the log cannot be written. The next event tries again.
    }
  }

  std::mutex mutex;
  report call;
  asio::any_io_executor executor;
  bool armed = false;
};

burst_timer::burst_timer(report r) : state_(std::make_shared<state>(std::move(r))) {}

burst_timer::~burst_timer() { stop(); }

void burst_timer::run_on(asio::any_io_executor executor) {
  const std::lock_guard lock(state_->mutex);
  if (state_->call) state_->executor = std::move(executor);
}

void burst_timer::arm() noexcept {
  const std::lock_guard lock(state_->mutex);
  if (state_->armed || !state_->executor) return;
  try {
    asio::post(state_->executor, [s = state_] { s->step(); });
    state_->armed = true;
  } catch (...) {
  }
}

void burst_timer::stop() noexcept {
  const std::lock_guard lock(state_->mutex);
  state_->call = nullptr;
  state_->executor = {};
}

}  // namespace muxpro::proxy
