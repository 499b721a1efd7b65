// share_counts, which limits how many of something each user has at a time. Ring 4, a rule. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace muxpro::proxy {

class share_counts : public std::enable_shared_from_this<share_counts> {
 public:
  /// One of them, until it is destroyed.
  class one {
   public:
    one(one&&) noexcept = default;
    one& operator=(one&& other) noexcept {
      std::swap(owner_, other.owner_);
      std::swap(counted_, other.counted_);
      return *this;
    }
    ~one() {
      if (owner_) owner_->give_back(counted_);
    }

   private:
    friend class share_counts;
    using position = std::map<std::string, std::uint32_t>::iterator;
    one(std::shared_ptr<share_counts> owner, position counted) noexcept
        : owner_(std::move(owner)), counted_(counted) {}
    std::shared_ptr<share_counts> owner_;
    position counted_;
  };

  /// Returns nothing if `share` has `most` already.
  std::optional<one> take(const std::string& share, std::uint32_t most) {
    const std::lock_guard lock(mutex_);
    const auto at = counts_.try_emplace(share, 0).first;
    if (at->second >= most) return std::nullopt;
    ++at->second;
    return one(shared_from_this(), at);
  }

 private:
  void give_back(one::position counted) noexcept {
    const std::lock_guard lock(mutex_);
    if (--counted->second == 0) counts_.erase(counted);
  }

  std::mutex mutex_;
  std::map<std::string, std::uint32_t> counts_;
};

}  // namespace muxpro::proxy
