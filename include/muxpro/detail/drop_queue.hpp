// The drop queue of a UDP sub-stream, bounded by number and bytes, which counts what it drops. Ring 1.
#pragma once

#include <muxpro/codec.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

namespace muxpro::detail {

struct datagram {
  std::optional<host_port> address;  ///< absent for the target of the sub-stream
  std::vector<std::byte> block;      ///< the extra data, which are the prefix, if any, and the payload
  std::size_t payload = 0;           ///< where in `block` the payload begins
};

class drop_queue {
 public:
  drop_queue(std::size_t count, std::size_t size) : max_count_(count), max_bytes_(size) {}

  /// False, and counted, if there is no room. One datagram always fits.
  bool push(datagram d) {
    if (!queue_.empty() && (queue_.size() >= max_count_ || bytes_ + d.block.size() > max_bytes_)) {
      drop();
      return false;
    }
    bytes_ += d.block.size();
    queue_.push_back(std::move(d));
    return true;
  }
  datagram pop() {
    datagram d = std::move(queue_.front());
    queue_.pop_front();
    bytes_ -= d.block.size();
    return d;
  }
  const datagram& front() const { return queue_.front(); }
  bool empty() const noexcept { return queue_.empty(); }
  std::size_t size() const noexcept { return queue_.size(); }
  std::size_t queued_bytes() const noexcept { return bytes_; }
  void clear() noexcept {
    queue_.clear();
    bytes_ = 0;
  }
  /// Drops all of them, and counts each.
  void drop_all() noexcept {
    dropped_ += queue_.size();
    clear();
  }
  /// Counts a datagram that was lost elsewhere.
  void drop() noexcept { ++dropped_; }
  std::uint64_t dropped() const noexcept { return dropped_; }

 private:
  std::deque<datagram> queue_;
  std::size_t max_count_, max_bytes_;
  std::size_t bytes_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace muxpro::detail
