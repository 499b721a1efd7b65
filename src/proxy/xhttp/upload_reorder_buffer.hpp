// upload_reorder_buffer: puts the parts of an upload, which arrive in any order, in order. Ring 4, a rule.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>

namespace muxpro::proxy {

class upload_reorder_buffer {
 public:
  /// Parts that wait for a slow reader, as many as an HTTP/2 connection has streams.
  static constexpr std::size_t most_behind_present = 512;

  enum class entry : std::uint8_t {
    waits,     ///< until has_turn()
    repeated,  ///< its bytes have come, or are coming
    too_many,  ///< earlier parts are missing for too long
    over,      ///< no connection reads the upload any more
  };

  /// `most` limits the posts that wait while the next one is missing.
  explicit upload_reorder_buffer(std::size_t most) : most_(most) {}

  entry enter(std::uint64_t n) {
    if (n < next_ || waiting_.contains(n)) return entry::repeated;
    const bool present = n == next_ || is_next_there();
    if (waiting_.size() >= (present ? most_behind_present : most_)) return entry::too_many;
    waiting_.insert(n);
    return entry::waits;
  }
  bool has_turn(std::uint64_t n) const noexcept { return n == next_; }
  bool is_next_there() const noexcept { return waiting_.contains(next_); }
  /// The one whose turn it is was read to its end.
  void next() { waiting_.erase(next_++); }
  bool empty() const noexcept { return waiting_.empty(); }

 private:
  const std::size_t most_;
  std::uint64_t next_ = 0;
  std::set<std::uint64_t> waiting_;
};

}  // namespace muxpro::proxy
