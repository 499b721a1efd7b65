#include "proxy/dial/server_watch.hpp"

#include "proxy/base/exception_code.hpp"
#include "proxy/net/or_error.hpp"

#include <muxpro/timer.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/this_coro.hpp>

#include <chrono>
#include <exception>
#include <optional>
#include <random>
#include <utility>

namespace muxpro::proxy {

using std::chrono::steady_clock;

/// A probe under way.
struct server_watch::attempt {
  explicit attempt(const asio::any_io_executor& executor) : event(executor, probe_limit) {}

  counted_timer event;  ///< at the end of the probe, or of its time
  asio::cancellation_signal stop;
  std::optional<std::error_code> outcome;
};

server_watch::server_watch() : health_(std::random_device()()) {}

void server_watch::probe_by(probe p) { probe_ = std::move(p); }

void server_watch::note(std::error_code outcome, const asio::any_io_executor& executor) {
  if (outcome == asio::error::operation_aborted) return;
  {
    const std::lock_guard lock(mutex_);
    outcome ? health_.failed(steady_clock::now()) : health_.succeeded();
  }
  if (outcome) begin_probes(executor);
}

void server_watch::note_given_up(time_point began, const asio::any_io_executor& executor) {
  {
    const std::lock_guard lock(mutex_);
    health_.given_up(began, steady_clock::now());
  }
  begin_probes(executor);
}

bool server_watch::failing() noexcept {
  const std::lock_guard lock(mutex_);
  asked_ = true;
  return is_failing();
}

void server_watch::begin_probes(const asio::any_io_executor& executor) {
  {
    const std::lock_guard lock(mutex_);
    if (!probe_ || looking_ || !is_failing()) return;
    looking_ = true;
  }
  try {
    auto ended = [self = shared_from_this()](std::exception_ptr failure) {
      if (failure) self->lose_probes();
    };
    asio::co_spawn(executor, look_after(shared_from_this()), std::move(ended));
  } catch (...) {
    lose_probes();
  }
}

// There is no memory. A failure is remembered for a while then, and the next one begins probes again.
void server_watch::lose_probes() noexcept {
  const std::lock_guard lock(mutex_);
  looking_ = false;
}

bool server_watch::is_failing() const noexcept { return health_.failing(steady_clock::now(), looking_); }

bool server_watch::goes_on() {
  const std::lock_guard lock(mutex_);
  return looking_ = is_failing();
}

bool server_watch::is_probe_due() {
  const std::lock_guard lock(mutex_);
  return is_failing() && std::exchange(asked_, false);
}

duration server_watch::next_probe() {
  const std::lock_guard lock(mutex_);
  return health_.next_probe();
}

asio::awaitable<void> server_watch::look_after(std::shared_ptr<server_watch> self) {
  const auto executor = co_await asio::this_coro::executor;
  while (self->goes_on()) {
    std::error_code over;
    counted_timer pause(executor, self->next_probe());
    co_await pause.async_wait(or_error(over));
    if (!self->is_probe_due()) continue;
    const std::error_code outcome = co_await self->try_once();
    self->note(outcome, executor);
  }
}

asio::awaitable<std::error_code> server_watch::try_once() {
  const auto now = std::make_shared<attempt>(co_await asio::this_coro::executor);
  auto ended = [now](std::exception_ptr failure) {
    now->outcome = failure ? code_of(failure) : std::error_code();
    now->event.cancel();
  };
  asio::co_spawn(now->event.get_executor(), probe_(),
                 asio::bind_cancellation_slot(now->stop.slot(), std::move(ended)));
  std::error_code waited;
  if (!now->outcome) co_await now->event.async_wait(or_error(waited));
  const bool late = !now->outcome;
  if (late) now->stop.emit(asio::cancellation_type::terminal);
  if (late) now->event.expires_at(time_point::max());
  while (!now->outcome) co_await now->event.async_wait(or_error(waited));
  co_return late ? asio::error::timed_out : *now->outcome;
}

}  // namespace muxpro::proxy
