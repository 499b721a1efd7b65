// Checks that a begun transfer makes progress of so many bytes in each period. Ring 1.
#pragma once

#include <muxpro/options.hpp>

#include <cstdint>

namespace muxpro::detail {

class progress_watch {
 public:
  void start(time_point now) noexcept {
    since_ = now;
    bytes_ = 0;
  }
  void stop() noexcept { since_ = time_point::max(); }
  bool running() const noexcept { return since_ != time_point::max(); }
  /// `floor` bytes since the last time begin a new period.
  void progress(std::uint64_t n, std::uint64_t floor, time_point now) noexcept {
    if (!running()) return;
    bytes_ += n;
    if (bytes_ >= floor) start(now);
  }
  time_point since() const noexcept { return since_; }
  time_point deadline(duration limit) const noexcept {
    return running() ? since_ + limit : time_point::max();
  }

 private:
  time_point since_ = time_point::max();
  std::uint64_t bytes_ = 0;
};

}  // namespace muxpro::detail
