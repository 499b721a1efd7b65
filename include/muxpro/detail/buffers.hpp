// The few buffers of one operation, copied out of any buffer sequence without allocation.
#pragma once

#include <muxpro/detail/asio.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace muxpro::detail {

/// The first non-empty buffers of a sequence; a "some" operation may leave the rest alone.
template <class Buffer, std::size_t Capacity = 4>
class buffer_list {
 public:
  static constexpr std::size_t capacity = Capacity;

  buffer_list() noexcept = default;
  template <class Sequence>
  explicit buffer_list(const Sequence& sequence) noexcept {
    const auto last = asio::buffer_sequence_end(sequence);
    for (auto it = asio::buffer_sequence_begin(sequence); it != last && count_ < capacity; ++it) {
      const Buffer b(*it);
      if (b.size() == 0) continue;
      parts_[count_++] = b;
    }
  }

  bool empty() const noexcept { return count_ == 0; }
  /// False, and nothing appended, if there are as many as it can hold.
  bool append(const Buffer& b) noexcept {
    if (count_ == capacity) return false;
    parts_[count_++] = b;
    return true;
  }
  std::span<const Buffer> parts() const noexcept { return {parts_.data(), count_}; }

  std::size_t size() const noexcept {
    std::size_t n = 0;
    for (std::uint32_t i = 0; i < count_; ++i) n += parts_[i].size();
    return n;
  }

  /// Calls `use(Buffer)` for the parts that make up [offset, offset + n).
  template <class Use>
  void each(std::size_t offset, std::size_t n, Use use) const {
    for (std::uint32_t i = 0; i < count_ && n > 0; ++i) {
      if (offset >= parts_[i].size()) {
        offset -= parts_[i].size();
        continue;
      }
      const Buffer rest = parts_[i] + offset;
      const std::size_t part = std::min(n, rest.size());
      use(Buffer(rest.data(), part));
      n -= part;
      offset = 0;
    }
  }

 private:
  std::array<Buffer, capacity> parts_{};
  std::uint32_t count_ = 0;
};

/// Few: a read that waits is a good part of what an idle sub-stream costs.
using read_buffers = buffer_list<asio::mutable_buffer, 2>;
using write_buffers = buffer_list<asio::const_buffer>;

}  // namespace muxpro::detail
