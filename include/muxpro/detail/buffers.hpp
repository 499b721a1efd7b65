// The few buffers of one operation, copied out of any buffer sequence without allocation.
#pragma once

#include <muxpro/detail/asio.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace muxpro::detail {

/// The first non-empty buffers of a sequence. A "some" operation may leave the rest alone.
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
  /// Returns false and appends no buffer if the list is full.
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

/// Copies what fits of `from` into `to` from `offset` on.
template <std::size_t To, std::size_t From>
std::size_t copy(const buffer_list<asio::mutable_buffer, To>& to, std::size_t offset,
                 const buffer_list<asio::const_buffer, From>& from) noexcept {
  auto room = to.parts().begin();
  const auto end = to.parts().end();
  for (; room != end && offset >= room->size(); ++room) offset -= room->size();
  std::size_t copied = 0;
  for (asio::const_buffer part : from.parts()) {
    while (part.size() > 0 && room != end) {
      const std::size_t n = std::min(part.size(), room->size() - offset);
      std::memcpy(static_cast<std::byte*>(room->data()) + offset, part.data(), n);
      part += n;
      copied += n;
      offset += n;
      if (offset == room->size()) ++room, offset = 0;
    }
  }
  return copied;
}

/// All non-empty buffers of a sequence, for operations that transfer the whole of it. The first few need no
/// allocation. More of them may throw std::bad_alloc.
template <class Buffer>
class whole_buffers {
 public:
  template <class Sequence>
  explicit whole_buffers(const Sequence& sequence) {
    const auto last = asio::buffer_sequence_end(sequence);
    for (auto it = asio::buffer_sequence_begin(sequence); it != last; ++it) {
      const Buffer b(*it);
      if (b.size() > 0 && !first_.append(b)) more_.push_back(b);
    }
  }

  std::size_t size() const noexcept {
    std::size_t n = first_.size();
    for (const Buffer& b : more_) n += b.size();
    return n;
  }

  /// Calls `use(Buffer)` for the parts that make up the first `n` bytes.
  template <class Use>
  void each(std::size_t n, Use use) const {
    const auto use_part = [&](const Buffer& b) {
      const std::size_t part = std::min(n, b.size());
      if (part > 0) use(Buffer(b.data(), part));
      n -= part;
    };
    for (const Buffer& b : first_.parts()) use_part(b);
    for (const Buffer& b : more_) use_part(b);
  }

 private:
  buffer_list<Buffer> first_;
  std::vector<Buffer> more_;
};

/// Holds few, because a read that waits is a large part of the memory of an idle sub-stream.
using read_buffers = buffer_list<asio::mutable_buffer, 2>;
using write_buffers = buffer_list<asio::const_buffer>;

}  // namespace muxpro::detail
