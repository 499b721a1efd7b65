// Cancels reads when a time is over.
#pragma once

#include <muxpro/options.hpp>
#include <muxpro/timer.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/cancellation_signal.hpp>

#include <memory>
#include <system_error>
#include <utility>

namespace muxpro::proxy {

class read_deadline {
 public:
  read_deadline(asio::any_io_executor executor, duration limit) : timer_(std::move(executor), limit) {
    timer_.async_wait([state = state_](std::error_code cancelled) {
      if (cancelled) return;
      state->expired = true;
      state->signal.emit(asio::cancellation_type::terminal);
    });
  }
  bool expired() const noexcept { return state_->expired; }
  asio::cancellation_slot slot() noexcept { return state_->signal.slot(); }

 private:
  struct shared {
    asio::cancellation_signal signal;
    bool expired = false;
  };
  std::shared_ptr<shared> state_ = std::make_shared<shared>();
  counted_timer timer_;
};

}  // namespace muxpro::proxy
