// text_list, the rest of a gather list whose bytes are sealed piece by piece. Ring 4.
#pragma once

#include <muxpro/codec.hpp>

#include <asio/buffer.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace muxpro::proxy {

/// Refers to a gather list.
class text_list {
 public:
  explicit text_list(std::span<const asio::const_buffer> parts) noexcept : parts_(parts) { skip(0); }
  bool empty() const noexcept { return parts_.empty(); }
  /// Returns the next `most` bytes, or fewer at the end, or if parts would have to be joined that `copy` has
  /// no room for.
  const_bytes next(std::size_t most, bytes copy) const noexcept {
    const asio::const_buffer first = parts_.front() + at_;
    most = std::min(most, std::max(first.size(), copy.size()));
    if (first.size() >= most || parts_.size() == 1)
      return {static_cast<const std::byte*>(first.data()), std::min(first.size(), most)};
    const auto to = asio::buffer(copy.data(), most);
    std::size_t n = asio::buffer_copy(to, first);
    for (const asio::const_buffer& part : parts_.subspan(1)) n += asio::buffer_copy(to + n, part);
    return copy.first(n);
  }
  /// Returns the next bytes that are in one part, `most` at most.
  const_bytes piece(std::size_t most) const noexcept {
    const asio::const_buffer first = parts_.front() + at_;
    return {static_cast<const std::byte*>(first.data()), std::min(first.size(), most)};
  }
  void skip(std::size_t n) noexcept {
    at_ += n;
    while (!parts_.empty() && at_ >= parts_.front().size()) {
      at_ -= parts_.front().size();
      parts_ = parts_.subspan(1);
    }
  }

 private:
  std::span<const asio::const_buffer> parts_;
  std::size_t at_ = 0;
};

/// The first 64 buffers of a sequence that are not empty.
class text_parts {
 public:
  template <class Buffers>
  explicit text_parts(const Buffers& buffers) noexcept {
    const auto last = asio::buffer_sequence_end(buffers);
    for (auto i = asio::buffer_sequence_begin(buffers); i != last && count_ < parts_.size(); ++i)
      if (asio::const_buffer(*i).size() > 0) parts_[count_++] = *i;
  }
  std::span<const asio::const_buffer> all() const noexcept { return std::span(parts_).first(count_); }

 private:
  std::array<asio::const_buffer, 64> parts_;
  std::size_t count_ = 0;
};

}  // namespace muxpro::proxy
