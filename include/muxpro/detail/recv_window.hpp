// recv_window, the receive side of one direction's credit. Ring 1.
//
//   consumed <= received <= granted <= consumed + window
//
// All four are totals since the sub-stream began, in 64 bits, which do not wrap.
#pragma once

#include <muxpro/options.hpp>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

namespace muxpro::detail {

/// Credit of each direction of a new sub-stream, see codec.hpp.
inline constexpr std::uint32_t initial_window = 65536;
/// Up to here a window grows whenever it limits the peer, because a reader of 6 GB/s that pauses for 100 us
/// needs it. A larger window is for paths with a long round trip.
inline constexpr std::uint32_t small_path_cap = 768 * 1024;

class recv_window {
 public:
  explicit recv_window(std::uint32_t window = initial_window) noexcept : granted_(window), window_(window) {}

  /// `n` more bytes have come. Returns false, without counting them, if the peer had no credit for them.
  bool receive(std::uint64_t n, time_point now) noexcept {
    if (n > granted_ - received_) return false;
    if (probing_ && received_ == probe_limit_ && n > 0) {
      probing_ = false;
      sample_ = now - probe_sent_;
    }
    received_ += n;
    if (probing_ && received_ > probe_limit_) probing_ = false;
    check();
    return true;
  }

  /// The application took `n` bytes. If no byte is left and the peer had used all credit that it had
  /// received, the window limits the peer.
  void consume(std::uint64_t n) noexcept {
    assert(n <= unread());
    consumed_ += n;
    if (unread() == 0 && received_ == (probing_ ? probe_limit_ : granted_)) starved_ = true;
    check();
  }

  /// Returns whether a CreditUpdate is due, which is at a quarter of the window, within 32 and 256 KiB.
  bool grant_due() const noexcept {
    return due() >= std::clamp<std::uint64_t>(window_ / 4, initial_window / 2, 256 * 1024);
  }

  /// Returns the increment to send now, which counts as granted, or 0 if no increment is due any more. If the
  /// peer took longer than `shrink_after` to use its credit at the timed grant, the window first shrinks by
  /// up to a half. Granted credit is not taken back, so the window shrinks by no more than was consumed
  /// since.
  std::uint32_t grant(time_point now) noexcept {
    if (probing_ && now - probe_sent_ >= shrink_after) {
      probing_ = false;
      shrink(window_ / 2);
    }
    const std::uint64_t n = due();
    if (n == 0) return 0;
    if (!probing_) {
      probing_ = true;
      probe_limit_ = granted_;
      probe_sent_ = now;
    }
    granted_ += n;
    check();
    return static_cast<std::uint32_t>(n);
  }

  /// Grants what is due without a frame, for a peer that needs no credit. The window is then the room for
  /// what it sends.
  void renew() noexcept { granted_ = consumed_ + window_; }

  /// Reduces the window to `smaller`, or as far as initial_window and the credit that is granted already
  /// allow.
  void shrink(std::uint32_t smaller = initial_window) noexcept {
    const std::uint64_t still_granted = granted_ - consumed_;
    const std::uint64_t least =
        std::max({std::uint64_t{smaller}, std::uint64_t{initial_window}, still_granted});
    window_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(window_, least));
  }

  /// Returns twice the window if it has limited the peer since the last call, up to `limit`, and up to
  /// small_path_cap unless allow_large() was set.
  std::optional<std::uint32_t> desired_window(std::uint32_t limit) noexcept {
    if (!starved_) return std::nullopt;
    starved_ = false;
    const bool near = window_ < small_path_cap || !large_allowed_;
    const std::uint32_t larger = std::min(2 * window_, near ? std::min(limit, small_path_cap) : limit);
    if (larger <= window_) return std::nullopt;
    return larger;
  }
  void resize(std::uint32_t larger) noexcept {
    assert(larger >= window_);
    window_ = larger;
  }

  /// Returns the time from a grant to the first byte that needed it, once for each sample.
  std::optional<duration> take_sample() noexcept {
    if (sample_ < duration{}) return std::nullopt;
    return std::exchange(sample_, no_sample);
  }
  /// Sets whether the window may grow beyond small_path_cap.
  void allow_large(bool yes) noexcept { large_allowed_ = yes; }

  std::uint32_t window() const noexcept { return window_; }
  std::uint64_t unread() const noexcept { return received_ - consumed_; }
  std::uint64_t granted() const noexcept { return granted_; }
  /// Bytes that may still come without a further grant.
  std::uint64_t outstanding() const noexcept { return granted_ - received_; }

 private:
  static constexpr duration no_sample{-1};
  static constexpr duration shrink_after = std::chrono::seconds(10);

  std::uint64_t due() const noexcept { return consumed_ + window_ - granted_; }
  void check() const noexcept {
    assert(consumed_ <= received_ && "bytes are read after they came");
    assert(received_ <= granted_ && "no byte comes without credit");
    assert(granted_ <= consumed_ + window_ && "no more is granted than the window holds");
  }

  std::uint64_t received_ = 0;
  std::uint64_t consumed_ = 0;
  std::uint64_t granted_;
  std::uint64_t probe_limit_ = 0;  // what the peer could send before the timed grant
  time_point probe_sent_{};
  duration sample_ = no_sample;
  std::uint32_t window_;
  bool probing_ = false;
  bool starved_ = false;
  bool large_allowed_ = false;
};

}  // namespace muxpro::detail
