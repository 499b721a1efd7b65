#pragma once

#include <muxpro/buffer_budget.hpp>

#include <algorithm>
#if !defined(_WIN32)
#include <unistd.h>
#endif

namespace muxpro {

MUXPRO_DECL void buffer_budget::join(holder& h, const std::string& user) {
  const std::lock_guard lock(mutex_);
  if (!user.empty()) {
    std::shared_ptr<share>& known = users_[user];
    if (!known) known = std::make_shared<share>();
    known->user = user;
    ++known->holders;
    h.of_user_ = known;
    h.share_ = known.get();
  }
  holders_.push_back(&h);
  h.place_ = holders_.size();
}

MUXPRO_DECL void buffer_budget::leave(holder& h) noexcept {
  const std::lock_guard lock(mutex_);
  if (h.place_ == 0) return;
  holder& last = *holders_.back();
  holders_[h.place_ - 1] = &last;
  last.place_ = h.place_;
  holders_.pop_back();
  h.place_ = 0;
  if (evicting_ == &h) evicting_ = nullptr;
  if (h.of_user_ && --h.of_user_->holders == 0) users_.erase(h.of_user_->user);
}

MUXPRO_DECL void buffer_budget::evict_largest() noexcept {
  const std::lock_guard lock(mutex_);
  if (evicting_ || holders_.empty()) return;
  const auto held = [](const holder* h) {
    return std::pair(h->share_->held.load(std::memory_order_relaxed), h->held());
  };
  const auto most = std::max_element(holders_.begin(), holders_.end(),
                                     [&](const holder* a, const holder* b) { return held(a) < held(b); });
  if ((*most)->release_memory()) evicting_ = *most;
}

MUXPRO_DECL std::shared_ptr<buffer_budget> process_wide_budget() {
  static const auto instance = [] {
    std::uint64_t limit = 512ull << 20;
#if defined(_SC_PHYS_PAGES)
    const long pages = ::sysconf(_SC_PHYS_PAGES), size = ::sysconf(_SC_PAGESIZE);
    if (pages > 0 && size > 0)
      limit = std::min(limit, static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(size) / 4);
#endif
    return std::make_shared<buffer_budget>(limit);
  }();
  return instance;
}

}  // namespace muxpro
