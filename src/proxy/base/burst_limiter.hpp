// Lets so many events of a key through in a second and counts the others. Ring 4, a rule without I/O and
// clock. Thread-safe.
#pragma once

#include <muxpro/options.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// Every event is either allowed, or reported once as omitted, by ask() or by take_ended(). A burst of a key
/// lasts one second from its first event.
template <class Key>
class burst_limiter {
 public:
  /// Beyond `most_keys` keys in one second, events of further keys are omitted and counted together.
  burst_limiter(std::uint32_t per_second, std::size_t most_keys) noexcept
      : per_second_(per_second), most_keys_(most_keys) {}

  struct decision {
    bool allowed = false;
    std::uint64_t omitted = 0;  ///< earlier events of the key, not reported yet
  };
  struct omission {
    std::optional<Key> key;  ///< without a value for keys that there was no room for
    std::uint64_t events = 0;
  };

  /// `events` are allowed or omitted together. A time that goes back counts as standing still.
  template <class Name>
  decision ask(const Name& key, time_point now, std::uint64_t events = 1) {
    const std::lock_guard lock(mutex_);
    newest_ = std::max(newest_, now);
    auto found = records_.find(key);
    if (found == records_.end()) {
      if (!make_room()) return omit(others_, events);
      found = records_.emplace(Key(key), record()).first;
    }
    record& r = found->second;
    if (is_past(r)) r.begin(newest_);
    if (r.allowed >= per_second_) return omit(r, events);
    ++r.allowed;
    return {true, std::exchange(r.omitted, 0)};
  }

  /// Returns what was omitted in bursts that are over at `now`. At time_point::max() that is everything.
  std::vector<omission> take_ended(time_point now) {
    const std::lock_guard lock(mutex_);
    newest_ = now == time_point::max() ? newest_ : std::max(newest_, now);
    std::vector<omission> out;
    for (auto& [key, r] : records_)
      if (r.omitted > 0 && ends(r) <= now) out.push_back({key, std::exchange(r.omitted, 0)});
    if (others_.omitted > 0 && ends(others_) <= now)
      out.push_back({std::nullopt, std::exchange(others_.omitted, 0)});
    return out;
  }

  /// Returns the earliest time at which take_ended() has something to return, or max() if no event was
  /// omitted.
  time_point next_end() const {
    const std::lock_guard lock(mutex_);
    time_point next = others_.omitted > 0 ? ends(others_) : time_point::max();
    for (const auto& [key, r] : records_)
      if (r.omitted > 0) next = std::min(next, ends(r));
    return next;
  }

 private:
  struct record {
    void begin(time_point now) {
      since = now;
      allowed = 0;
    }
    time_point since = time_point::min();
    std::uint32_t allowed = 0;
    std::uint64_t omitted = 0;
  };

  static time_point ends(const record& r) {
    return r.since == time_point::min() ? r.since : r.since + std::chrono::seconds(1);
  }
  bool is_past(const record& r) const { return ends(r) <= newest_; }

  decision omit(record& r, std::uint64_t events) {
    if (is_past(r)) r.begin(newest_);
    r.omitted += events;
    return {};
  }

  // What a forgotten key has omitted is reported with that of the others.
  bool make_room() {
    if (records_.size() < most_keys_) return true;
    std::erase_if(records_, [this](const auto& one) {
      if (!is_past(one.second)) return false;
      if (one.second.omitted > 0) omit(others_, one.second.omitted);
      return true;
    });
    return records_.size() < most_keys_;
  }

  const std::uint32_t per_second_;
  const std::size_t most_keys_;
  mutable std::mutex mutex_;
  time_point newest_ = time_point::min();
  std::map<Key, record, std::less<>> records_;
  record others_;
};

}  // namespace muxpro::proxy
