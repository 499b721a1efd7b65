#include "proxy/base/client_share.hpp"

#include <muxpro/proxy/admission.hpp>

namespace muxpro::proxy {

void admission::ticket::on_eviction(std::function<void()> evict) {
  if (!owner_) return;
  std::unique_lock lock(owner_->mutex_);
  if (!place_->evicted) {
    place_->evict = std::move(evict);
    return;
  }
  lock.unlock();
  evict();
}

std::optional<admission::ticket> admission::enter(const asio::ip::address& source) {
  const auto p = std::make_shared<place>();
  p->source = source_prefix(source);
  std::function<void()> evict;
  {
    const std::lock_guard lock(mutex_);
    const auto known = sources_.find(p->source);
    const bool full = known != sources_.end() && known->second.size() >= per_source_;
    if ((full && !source.is_unspecified()) || in_all_ == 0) return std::nullopt;
    if (inside_ >= in_all_) evict = evict_oldest_of_fullest();
    add(p);
  }
  ticket entered(shared_from_this(), p);  // gives its place back if the eviction fails
  if (evict) evict();
  return entered;
}

void admission::add(const std::shared_ptr<place>& p) {
  p->number = ++last_number_;
  places& all = sources_[p->source];
  const bool first = all.empty();
  const rank before = first ? rank() : rank_of(all);
  try {
    p->position = all.insert(all.end(), p);
    if (first) ranks_.insert(rank_of(all));
  } catch (...) {
    if (first) sources_.erase(p->source);
    throw;
  }
  if (!first) move_rank(before, all);
  ++inside_;
}

void admission::move_rank(const rank& before, const places& now) noexcept {
  auto node = ranks_.extract(before);
  node.value() = rank_of(now);
  ranks_.insert(std::move(node));
}

std::function<void()> admission::evict_oldest_of_fullest() {
  const asio::ip::address fullest = std::get<asio::ip::address>(*ranks_.rbegin());
  const std::shared_ptr<place> oldest = sources_.at(fullest).front();
  remove(*oldest);
  oldest->evicted = true;
  return std::move(oldest->evict);
}

void admission::remove(place& p) noexcept {
  const auto of_source = sources_.find(p.source);
  places& all = of_source->second;
  const rank before = rank_of(all);
  all.erase(p.position);
  if (all.empty()) {
    ranks_.erase(before);
    sources_.erase(of_source);
  } else {
    move_rank(before, all);
  }
  --inside_;
}

void admission::leave(std::shared_ptr<place> p) noexcept {
  const std::lock_guard lock(mutex_);
  if (!p->evicted) remove(*p);
}

}  // namespace muxpro::proxy
