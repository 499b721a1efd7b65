// The receive side of one direction's credit: what may come, what came, what was used. Ring 1.
//
//   consumed <= received <= granted <= consumed + window
//
// All four are totals since the sub-stream began, in 64 bits; nothing wraps and nothing is clamped.
#pragma once

#include <muxpro/options.hpp>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

namespace muxpro::detail {

/// Credit of each direction of a new sub-stream (protocol.md section 4).
inline constexpr std::uint32_t initial_window = 65536;
/// Up to here a window grows whenever it holds up the peer: a processor that reads at 6 GB/s and looks away
/// for 100 us needs it. A larger one is for paths that are long.
inline constexpr std::uint32_t near_window = 768 * 1024;

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

  /// Whether a CreditUpdate is due: a quarter of the window, within 32 and 256 KiB.
  bool grant_due() const noexcept {
    return due() >= std::clamp<std::uint64_t>(window_ / 4, initial_window / 2, 256 * 1024);
  }

  /// The increment to send now, which counts as granted; 0 if nothing is due any more. Where the peer has
  /// taken longer than `lasting` to use what it had at the grant that is timed, the window loses up to a half
  /// first: what is granted stays granted, so that it is no more than was consumed since.
  std::uint32_t grant(time_point now) noexcept {
    if (probing_ && now - probe_sent_ >= lasting) {
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

  /// Reduces the window to `smaller`, or as far as initial_window and the credit that is granted already
  /// allow.
  void shrink(std::uint32_t smaller = initial_window) noexcept {
    const std::uint64_t still_granted = granted_ - consumed_;
    const std::uint64_t least =
        std::max({std::uint64_t{smaller}, std::uint64_t{initial_window}, still_granted});
    window_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(window_, least));
  }

  /// The window doubled, if it held up the peer since the last time; at most `limit`, and at most near_window
  /// unless pays().
  std::optional<std::uint32_t> wanted(std::uint32_t limit) noexcept {
    if (!starved_) return std::nullopt;
    starved_ = false;
    const bool near = window_ < near_window || !pays_;
    const std::uint32_t larger = std::min(2 * window_, near ? std::min(limit, near_window) : limit);
    if (larger <= window_) return std::nullopt;
    return larger;
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
  /// Whether a large window would do more than make bytes wait elsewhere.
  void pays(bool yes) noexcept { pays_ = yes; }

  std::uint32_t window() const noexcept { return window_; }
  std::uint64_t unread() const noexcept { return received_ - consumed_; }
  std::uint64_t granted() const noexcept { return granted_; }
  /// Bytes that may still come without a further grant.
  std::uint64_t outstanding() const noexcept { return granted_ - received_; }

 private:
  static constexpr duration no_sample{-1};
  static constexpr duration lasting = std::chrono::seconds(10);

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
  bool pays_ = false;
};

}  // namespace muxpro::detail
