#pragma once

#include <muxpro/detail/context_service.hpp>

namespace muxpro::detail {

#if !defined(MUXPRO_SEPARATE_COMPILATION)
inline
#endif
    asio::execution_context::id context_service::id;

MUXPRO_DECL void shutdown_participant::register_with(const asio::any_io_executor& executor) {
  service_ = &service_of(executor);
  std::lock_guard lock(service_->mutex_);
  service_->participants_.push_back(*this);
}

MUXPRO_DECL void shutdown_participant::unregister() noexcept {
  if (!service_) return;
  std::lock_guard lock(service_->mutex_);
  unlink();
  service_ = nullptr;
}

MUXPRO_DECL void context_service::shutdown() noexcept {
  std::unique_lock lock(mutex_);
  while (!participants_.empty()) {
    shutdown_participant& next = participants_.pop_front();
    next.service_ = nullptr;
    lock.unlock();
    next.context_destroyed();
    lock.lock();
  }
}

MUXPRO_DECL void context_service::advance(clock::duration by) {
  intrusive_list<context_timer> due;
  std::lock_guard lock(mutex_);
  manual_now_ += by;
  intrusive_list<context_timer> later;
  while (!waiting_.empty()) {
    context_timer& next = waiting_.pop_front();
    (next.when_ <= manual_now_ ? due : later).push_back(next);
  }
  waiting_.splice(later);
  // Not cancel(), because a coroutine may have made its wait and not awaited it yet.
  while (!due.empty()) due.pop_front().timer_.expires_at(clock::time_point::min());
}

MUXPRO_DECL clock::time_point context_service::next_expiry() {
  std::lock_guard lock(mutex_);
  clock::time_point earliest = clock::time_point::max();
  intrusive_list<context_timer> seen;
  while (!waiting_.empty()) {
    context_timer& next = waiting_.pop_front();
    earliest = std::min(earliest, next.when_);
    seen.push_back(next);
  }
  waiting_.splice(seen);
  return earliest;
}

MUXPRO_DECL void context_timer::set(clock::time_point when) {
  unregister();
  when_ = when;
  context_service& service = timer_.service();
  if (!service.manual_) {
    timer_.expires_at(when);
    return;
  }
  if (when <= service.now()) {
    timer_.expires_at(clock::time_point::min());
    return;
  }
  timer_.expires_at(clock::time_point::max());
  std::lock_guard lock(service.mutex_);
  service.waiting_.push_back(*this);
}

MUXPRO_DECL void context_timer::unregister() noexcept {
  context_service& service = timer_.service();
  if (!service.manual_) return;
  std::lock_guard lock(service.mutex_);
  unlink();
}

}  // namespace muxpro::detail
