// Bytes that look random and cost nothing to make or to check: every sub-stream walks through one table,
// each from a place of its own.
#pragma once

#include <asio/buffer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <random>
#include <vector>

namespace examples {

class pattern {
 public:
  /// `longest`: of what at() and first_difference() are asked for.
  explicit pattern(std::size_t longest) : table_(period + longest) {
    std::mt19937 random(9527);
    const auto middle = table_.begin() + period;
    std::generate(table_.begin(), middle, [&] { return static_cast<std::byte>(random() >> 24); });
    for (std::size_t i = period; i < table_.size(); ++i) table_[i] = table_[i - period];
  }

  /// Where the sub-stream with this number begins; different for all of a session.
  static std::uint64_t start_of(std::size_t stream) noexcept { return stream * 40503 % period; }

  asio::const_buffer at(std::uint64_t position, std::size_t n) const noexcept {
    return asio::buffer(table_.data() + position % period, n);
  }

  /// The index of the first of `n` bytes that is not what it should be.
  std::optional<std::size_t> first_difference(std::uint64_t position, const std::byte* data,
                                              std::size_t n) const noexcept {
    const std::byte* const expected = table_.data() + position % period;
    if (std::memcmp(expected, data, n) == 0) return std::nullopt;
    return static_cast<std::size_t>(std::mismatch(data, data + n, expected).first - data);
  }

 private:
  // A prime: no frame size, window or buffer divides it, so that misplaced bytes do not match.
  static constexpr std::size_t period = 131071;

  std::vector<std::byte> table_;
};

}  // namespace examples
