// replay_filter, which detects values that have come before. Ring 4, a rule.
#pragma once

#include <muxpro/codec.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <set>
#include <utility>

namespace muxpro::proxy {

/// Remembers each value for `seconds` at least, twice as long at most. If more than `most` values come in
/// that time, the oldest are forgotten earlier, but the last `most` are not. Thread-safe.
template <std::size_t Size>
class replay_filter {
 public:
  static constexpr std::size_t usual_most = 1 << 20;

  explicit replay_filter(std::int64_t seconds, std::size_t most = usual_most)
      : seconds_(seconds), most_(most) {}

  /// Returns false if it has come before. `now` has seconds of any clock. `value` has `Size` bytes.
  bool first_time(const_bytes value, std::int64_t now) {
    std::array<std::byte, Size> key{};
    std::copy_n(value.begin(), Size, key.begin());
    const std::lock_guard lock(mutex_);
    forget(now);
    return !older_.contains(key) && newer_.insert(key).second;
  }

 private:
  void forget(std::int64_t now) {
    if (now - begun_ >= 2 * seconds_) newer_.clear();
    if (now - begun_ < seconds_ && newer_.size() < most_) return;
    older_ = std::exchange(newer_, {});
    begun_ = now;
  }

  const std::int64_t seconds_;
  const std::size_t most_;
  std::mutex mutex_;
  std::set<std::array<std::byte, Size>> newer_, older_;
  std::int64_t begun_ = 0;
};

}  // namespace muxpro::proxy
