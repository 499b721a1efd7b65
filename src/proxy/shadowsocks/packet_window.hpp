// packet_window, the numbers of received packets, so that a packet is not accepted twice. Ring 4, a rule.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>

namespace muxpro::proxy {

/// A sliding window (RFC 6479). It remembers 2048 numbers before the highest one. Older ones count as
/// received.
class packet_window {
 public:
  static constexpr std::uint64_t width = 2048;

  bool is_new(std::uint64_t number) const noexcept {
    if (!any_ || number > highest_) return true;
    return highest_ - number < width && !received_[number % width];
  }
  void add(std::uint64_t number) noexcept {
    if (!any_ || number > highest_) advance(number);
    received_[number % width] = true;
  }

 private:
  void advance(std::uint64_t to) noexcept {
    if (!any_ || to - highest_ >= width)
      received_.reset();
    else
      for (std::uint64_t i = highest_ + 1; i < to; ++i) received_[i % width] = false;
    any_ = true;
    highest_ = to;
  }

  std::bitset<width> received_;
  std::uint64_t highest_ = 0;
  bool any_ = false;
};

}  // namespace muxpro::proxy
