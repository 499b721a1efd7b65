// quarantine, recent_ids: ids that have no sub-stream any more, as a session remembers them. Ring 1.
#pragma once

#include <muxpro/frame.hpp>
#include <muxpro/options.hpp>

#include <cstddef>
#include <deque>
#include <memory>
#include <new>
#include <unordered_map>
#include <utility>
#include <vector>

namespace muxpro::detail {

/// Ids that this side has ended for good while the peer's End is still to come. Most sessions never have one,
/// so it has memory from the first id on until expire() finds none.
class quarantine {
 public:
  quarantine(std::size_t capacity, duration lifetime) : capacity_(capacity), lifetime_(lifetime) {}

  bool contains(stream_id id) const { return held_ && held_->since.contains(id); }

  /// At capacity the oldest is let go.
  void add(stream_id id, time_point now) {
    if (!held_) held_ = std::make_unique<ids>();
    if (held_->since.size() >= capacity_) drop_oldest();
    held_->since[id] = now;
    held_->order.push_back({id, now});
    trim();
  }

  /// The peer's End came. False if the id is not here.
  bool release(stream_id id) {
    if (!held_ || held_->since.erase(id) == 0) return false;
    trim();
    return true;
  }

  void expire(time_point now) {
    while (next_expiry() <= now) drop_oldest();
    if (held_ && held_->order.empty()) held_.reset();
  }
  /// Returns when expire() has to be called next, or time_point::max() if never.
  time_point next_expiry() const {
    const bool none = !held_ || held_->order.empty();
    return none ? time_point::max() : held_->order.front().since + lifetime_;
  }
  std::size_t size() const noexcept { return held_ ? held_->since.size() : 0; }

 private:
  struct entry {
    stream_id id;
    time_point since;
  };
  struct ids {
    std::unordered_map<stream_id, time_point> since;
    std::deque<entry> order;
  };

  void drop_oldest() {
    held_->since.erase(held_->order.front().id);
    held_->order.pop_front();
    trim();
  }
  // Returns whether the id of an entry was released or added anew since, so that the entry is ignored.
  bool stale(const entry& e) const {
    const auto it = held_->since.find(e.id);
    return it == held_->since.end() || it->second != e.since;
  }
  void trim() {
    auto& order = held_->order;
    while (!order.empty() && stale(order.front())) order.pop_front();
    while (!order.empty() && stale(order.back())) order.pop_back();
    if (order.size() > 2 * capacity_) std::erase_if(order, [this](const entry& e) { return stale(e); });
  }

  std::size_t capacity_;
  duration lifetime_;
  std::unique_ptr<ids> held_;
};

/// The last ids that something happened to, and when: 256 neighbours, fewer if they are strewn. A session of
/// a few ids has memory for a few.
class recent_ids {
 public:
  /// Without memory an id is forgotten, this one or an earlier one.
  void note(stream_id id, time_point now) noexcept {
    while (!has_place_for(id) && ids_.size() < most && grow()) {
    }
    if (!ids_.empty()) ids_[id % ids_.size()] = {id, now};
    last_ = now;
  }
  bool seen_since(stream_id id, time_point since) const noexcept {
    if (ids_.empty()) return false;
    const entry& e = ids_[id % ids_.size()];
    return e.id == id && e.when >= since;
  }
  /// Gives its memory back if the last id was noted longer ago than that. Returns when it will have been.
  time_point forget(time_point now, duration than) noexcept {
    if (now - last_ > than) std::vector<entry>().swap(ids_);
    return ids_.empty() ? time_point::max() : last_ + than + duration(1);
  }

 private:
  struct entry {
    stream_id id = 0;  // 0 is never noted
    time_point when{};
  };
  static constexpr std::size_t least = 4, most = 256;

  bool has_place_for(stream_id id) const noexcept {
    if (ids_.empty()) return false;
    const stream_id there = ids_[id % ids_.size()].id;
    return there == 0 || there == id;
  }
  // Ids that had different places have different ones among twice as many.
  bool grow() noexcept try {
    std::vector<entry> larger(ids_.empty() ? least : 2 * ids_.size());
    for (const entry& e : ids_)
      if (e.id != 0) larger[e.id % larger.size()] = e;
    ids_ = std::move(larger);
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }

  std::vector<entry> ids_;  ///< a power of two
  time_point last_{};
};

}  // namespace muxpro::detail
