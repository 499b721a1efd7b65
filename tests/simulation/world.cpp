#include "world.hpp"

#include "memory.hpp"

#include <algorithm>
#include <exception>

namespace simulation {

namespace {
// More handlers than this without any time passing mean that two parts keep each other awake.
constexpr std::uint64_t most_handlers_at_once = 300'000;

std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) noexcept {
  return dice((hash ^ value) * 0x9e3779b97f4a7c15).next();
}
}  // namespace

world::world(std::uint64_t seed, bool trace) : trace_(trace), random_(seed) {
  context_.emplace(1);
  clock_.emplace(*context_);
  begin_ = clock_->now();
}

world::~world() {
  events_.clear();
  each_.clear();
  rest_.clear();
}

void world::after(duration delay, std::function<void()> what) {
  const memory::exempt no_failures;
  events_.emplace(now() + delay, std::move(what));
}

void world::note(std::string_view what, std::uint64_t who, std::uint64_t n) {
  const memory::exempt no_failures;
  std::uint64_t text = 14695981039346656037u;
  for (const char c : what) text = (text ^ static_cast<unsigned char>(c)) * 1099511628211u;
  hash_ = mixed(hash_, static_cast<std::uint64_t>(now().count()));
  hash_ = mixed(hash_, text);
  hash_ = mixed(hash_, who);
  hash_ = mixed(hash_, n);
  if (trace_)
    fmt::print("{:>14.6f} ms {:>8} {:<24} {}\n", std::chrono::duration<double, std::milli>(now()).count(),
               who, what, n);
}

void world::complain(std::string why) {
  const memory::exempt no_failures;
  note("complaint");
  if (complaint_.empty())
    complaint_ = fmt::format("{} (after {} handlers, at {:.6f} ms)", why, handlers_,
                             std::chrono::duration<double, std::milli>(now()).count());
}

std::uint64_t world::begin(const char* what, std::uint64_t who, duration at_most) {
  const memory::exempt no_failures;
  operations_[++last_operation_] = {what, who, now() + at_most};
  return last_operation_;
}

void world::end(std::uint64_t id) {
  if (operations_.erase(id) == 0) complain("an operation ended twice");
}

void world::complain_of_pending(std::string_view why) {
  for (const auto& [id, op] : operations_) {
    if (trace_) fmt::print("pending: {} of {}\n", op.what, op.who);
    expect(false, "{}: {} of {} still waits", why, op.what, op.who);
  }
}

void world::check_deadlines() {
  for (const auto& [id, op] : operations_)
    expect(op.deadline >= now(), "{} of {} has not ended in its time", op.what, op.who);
}

bool world::handle_one() {
  std::size_t ran = 0;
  try {
    const memory::arm now_fail;
    ran = context_->poll_one();
  } catch (const std::exception& e) {
    complain(fmt::format("an exception left a handler: {}", e.what()));
  }
  if (ran == 0) {
    context_->restart();
    return false;
  }
  ++handlers_;
  for (const auto& check : each_) check();
  expect(++handlers_now_ < most_handlers_at_once, "the context does not come to rest");
  return true;
}

bool world::let_time_pass(duration limit) {
  for (const auto& check : rest_) check();
  const auto expiry = clock_->next_expiry();
  duration next = expiry == muxpro::time_point::max() ? duration::max() : expiry - begin_;
  if (!events_.empty()) next = std::min(next, events_.begin()->first);
  if (next > limit) return false;
  clock_->advance(std::max(next - now(), duration{}));
  handlers_now_ = 0;
  check_deadlines();
  while (!events_.empty() && events_.begin()->first <= now()) {
    const auto what = std::move(events_.begin()->second);
    events_.erase(events_.begin());
    what();
  }
  return true;
}

bool world::run_until(const std::function<bool()>& done, duration limit) {
  while (!failed()) {
    if (done()) return true;
    if (!handle_one() && !let_time_pass(limit)) return done();
  }
  return false;
}

void world::end_context() {
  events_.clear();
  clock_.reset();
  context_.reset();
}

}  // namespace simulation
