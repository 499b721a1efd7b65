// What a session remembers of ids that have no sub-stream any more. Ring 1.
#pragma once

#include <muxpro/frame.hpp>
#include <muxpro/options.hpp>

#include <array>
#include <cstddef>
#include <deque>
#include <memory>
#include <new>
#include <unordered_map>

namespace muxpro::detail {

/// Ids that this side has ended for good while the peer's End is still to come.
class quarantine {
 public:
  quarantine(std::size_t capacity, duration lifetime) : capacity_(capacity), lifetime_(lifetime) {}

  bool contains(stream_id id) const { return since_.contains(id); }

  /// At capacity the oldest is let go.
  void add(stream_id id, time_point now) {
    if (since_.size() >= capacity_) {
      since_.erase(order_.front().id);
      order_.pop_front();
      trim();
    }
    since_[id] = now;
    order_.push_back({id, now});
    trim();
  }

  /// The peer's End came. False if the id is not here.
  bool release(stream_id id) {
    if (since_.erase(id) == 0) return false;
    trim();
    return true;
  }

  void expire(time_point now) {
    while (!order_.empty() && order_.front().since + lifetime_ <= now) {
      since_.erase(order_.front().id);
      order_.pop_front();
      trim();
    }
  }
  /// Returns when expire() has to be called next, or time_point::max() if never.
  time_point next_expiry() const {
    return order_.empty() ? time_point::max() : order_.front().since + lifetime_;
  }
  std::size_t size() const noexcept { return since_.size(); }

 private:
  struct entry {
    stream_id id;
    time_point since;
  };
  // Returns whether the id of an entry was released or added anew since, so that the entry is ignored.
  bool stale(const entry& e) const {
    const auto it = since_.find(e.id);
    return it == since_.end() || it->second != e.since;
  }
  void trim() {
    while (!order_.empty() && stale(order_.front())) order_.pop_front();
    while (!order_.empty() && stale(order_.back())) order_.pop_back();
    if (order_.size() > 2 * capacity_) std::erase_if(order_, [this](const entry& e) { return stale(e); });
  }

  std::size_t capacity_;
  duration lifetime_;
  std::unordered_map<stream_id, time_point> since_;
  std::deque<entry> order_;
};

/// The last ids that something happened to, and when: 256 neighbours, fewer if they are strewn.
class recent_ids {
 public:
  /// Without memory the id is forgotten at once.
  void note(stream_id id, time_point now) noexcept try {
    if (!ids_) ids_ = std::make_unique<entries>();
    (*ids_)[id % most] = {id, now};
  } catch (const std::bad_alloc&) {
  }
  bool seen_since(stream_id id, time_point since) const noexcept {
    if (!ids_) return false;
    const entry& e = (*ids_)[id % most];
    return e.id == id && e.when >= since;
  }

 private:
  struct entry {
    stream_id id = 0;  // 0 is never noted
    time_point when{};
  };
  static constexpr std::size_t most = 256;
  using entries = std::array<entry, most>;
  std::unique_ptr<entries> ids_;  ///< from the first note on
};

}  // namespace muxpro::detail
