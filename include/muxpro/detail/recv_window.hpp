// The receive side of one direction's credit: what may come, what came, what was used. Ring 1.
//
//   consumed <= received <= granted <= consumed + window
//
// All four are totals since the sub-stream began, in 64 bits; nothing wraps and nothing is clamped.
#pragma once

#include <muxpro/options.hpp>

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <optional>
#include <utility>

namespace muxpro::detail {

/// Credit of each direction of a new sub-stream (protocol.md section 4).
inline constexpr std::uint32_t initial_window = 65536;

class recv_window {
 public:
  /// `n` more bytes came. False, and nothing counted, if the peer had no credit for them.
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

  /// The application took `n` bytes. If nothing is left and the peer had used all the credit
  /// that it knew of, the window is what holds it up.
  void consume(std::uint64_t n) noexcept {
    assert(n <= unread());
    consumed_ += n;
    if (unread() == 0 && received_ == (probing_ ? probe_limit_ : granted_)) starved_ = true;
    check();
  }

  /// Whether a CreditUpdate is due: half the window, or 256 KiB of a large one.
  bool grant_due() const noexcept { return due() >= std::min<std::uint64_t>(window_ / 2, 256 * 1024); }

  /// The increment to send now; it counts as granted.
  std::uint32_t grant(time_point now) noexcept {
    const std::uint64_t n = due();
    if (!probing_) {
      probing_ = true;
      probe_limit_ = granted_;
      probe_sent_ = now;
    }
    granted_ += n;
    check();
    return static_cast<std::uint32_t>(n);
  }

  /// The window doubled, if it held up the peer since the last time; at most `limit`.
  std::optional<std::uint32_t> wanted(std::uint32_t limit) noexcept {
    if (!starved_) return std::nullopt;
    starved_ = false;
    const std::uint64_t larger = std::min<std::uint64_t>(2 * std::uint64_t{window_}, limit);
    if (larger <= window_) return std::nullopt;
    return static_cast<std::uint32_t>(larger);
  }
  void resize(std::uint32_t larger) noexcept {
    assert(larger >= window_);
    window_ = larger;
  }

  /// Time from a grant to the first byte that needed it; taken once.
  std::optional<duration> take_sample() noexcept {
    if (sample_ < duration{}) return std::nullopt;
    return std::exchange(sample_, no_sample);
  }

  std::uint32_t window() const noexcept { return window_; }
  std::uint64_t unread() const noexcept { return received_ - consumed_; }
  std::uint64_t granted() const noexcept { return granted_; }
  /// Bytes that may still come without a further grant.
  std::uint64_t outstanding() const noexcept { return granted_ - received_; }

 private:
  static constexpr duration no_sample{-1};

  std::uint64_t due() const noexcept { return consumed_ + window_ - granted_; }
  void check() const noexcept {
    assert(consumed_ <= received_ && "nothing is read before it came");
    assert(received_ <= granted_ && "nothing comes without credit");
    assert(granted_ <= consumed_ + window_ && "no more is granted than the window holds");
  }

  std::uint64_t received_ = 0;
  std::uint64_t consumed_ = 0;
  std::uint64_t granted_ = initial_window;
  std::uint64_t probe_limit_ = 0;  // what the peer could send before the grant that is being timed
  time_point probe_sent_{};
  duration sample_ = no_sample;
  std::uint32_t window_ = initial_window;
  bool probing_ = false;
  bool starved_ = false;
};

}  // namespace muxpro::detail
