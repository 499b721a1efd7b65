// replay_filter: values that may come once in a while. Ring 4, a rule.
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

/// Remembers each value for `seconds` at least, twice as long at most. Only the oldest of more than two
/// million values are forgotten earlier. Thread-safe.
template <std::size_t Size>
class replay_filter {
 public:
  explicit replay_filter(std::int64_t seconds) : seconds_(seconds) {}

  /// False: it has come before. `now`: seconds of any clock. `value` has `Size` bytes.
  bool first_time(const_bytes value, std::int64_t now) {
    std::array<std::byte, Size> key{};
    std::copy_n(value.begin(), Size, key.begin());
    const std::lock_guard lock(mutex_);
    forget(now);
    return !older_.contains(key) && newer_.insert(key).second;
  }

 private:
  static constexpr std::size_t most = 1 << 20;

  void forget(std::int64_t now) {
    if (now - begun_ >= 2 * seconds_) newer_.clear();
    if (now - begun_ < seconds_ && newer_.size() < most) return;
    older_ = std::exchange(newer_, {});
    begun_ = now;
  }

  const std::int64_t seconds_;
  std::mutex mutex_;
  std::set<std::array<std::byte, Size>> newer_, older_;
  std::int64_t begun_ = 0;
};

}  // namespace muxpro::proxy
