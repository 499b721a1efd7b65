// fault_options, fault: the faults of a faulty_stream, and its history. No I/O here.
#pragma once

#include <muxpro/detail/asio.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>

namespace muxpro::testing {

/// The faults of reads, or of writes. The default has no faults.
struct direction_faults {
  /// Makes operations short, with at most this many bytes each. With a seed sizes are random from 1 on.
  std::size_t max_size = ~std::size_t{0};
  /// The operation of this kind with this number, from 0, fails with fault_options::error, and all after it.
  std::optional<std::size_t> fail_at;
  /// Once this many bytes have gone through, reads end with eof, writes with fault_options::error.
  std::optional<std::size_t> end_after;
  /// Each operation begins this much later.
  std::chrono::nanoseconds delay{0};
};

struct fault_options {
  direction_faults read;
  direction_faults write;
  /// As direction_faults::fail_at, but counts reads and writes together and breaks both.
  std::optional<std::size_t> fail_at;
  std::error_code error = asio::error::connection_reset;
  std::optional<std::uint64_t> seed;
  /// For each direction. 0 means no limit.
  double bytes_per_second = 0;
};

/// The state of one fault. If several streams share it, they count together.
class fault {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  enum class direction : std::size_t { read, write };

  struct verdict {
    error_code error;                      ///< instead of the operation
    std::size_t most = ~std::size_t{0};    ///< bytes for the operation
    time_point start = time_point::min();  ///< not before
  };

  fault() = default;
  explicit fault(fault_options o) : options(std::move(o)) {}

  fault_options options;

  /// Whether any operation failed by it. Short, slow and late operations are no failures.
  bool fired() const noexcept { return directions_[0].broken || directions_[1].broken; }
  std::size_t reads() const noexcept { return directions_[0].steps; }
  std::size_t writes() const noexcept { return directions_[1].steps; }
  std::size_t bytes_read() const noexcept { return directions_[0].bytes; }
  std::size_t bytes_written() const noexcept { return directions_[1].bytes; }

  verdict before(direction d, time_point now) {
    direction_state& l = of(d);
    const direction_faults& f = options_of(d);
    if (reads() + writes() == options.fail_at) directions_[0].broken = directions_[1].broken = options.error;
    if (l.steps == f.fail_at) l.broken = options.error;
    ++l.steps;
    verdict out{l.broken, size_limit(f.max_size), std::max(now + f.delay, l.free_at)};
    if (f.end_after && !l.broken) {
      out.most = std::min(out.most, *f.end_after - std::min(*f.end_after, l.bytes));
      if (out.most == 0) out.error = l.broken = end_of(d);
    }
    return out;
  }

  void after(direction d, time_point now, std::size_t transferred) {
    direction_state& l = of(d);
    l.bytes += transferred;
    if (options.bytes_per_second <= 0) return;
    const std::chrono::duration<double> busy(static_cast<double>(transferred) / options.bytes_per_second);
    l.free_at = std::max(l.free_at, now) + std::chrono::duration_cast<std::chrono::nanoseconds>(busy);
  }

 private:
  struct direction_state {
    std::size_t steps = 0;
    std::size_t bytes = 0;
    error_code broken;
    time_point free_at = time_point::min();
  };

  direction_state& of(direction d) noexcept { return directions_[static_cast<std::size_t>(d)]; }

  const direction_faults& options_of(direction d) const noexcept {
    return d == direction::read ? options.read : options.write;
  }
  error_code end_of(direction d) const noexcept {
    if (d == direction::read) return asio::error::eof;
    return options.error;
  }

  std::size_t size_limit(std::size_t most) {
    most = std::max<std::size_t>(1, most);
    if (options.bytes_per_second > 0) {
      // A tenth of a second's worth, so that a large buffer does not go through in one burst.
      most = std::min(most, static_cast<std::size_t>(options.bytes_per_second / 10) + 1);
    }
    if (!options.seed) return most;
    if (!random_) random_.emplace(*options.seed);
    return 1 + (*random_)() % most;
  }

  direction_state directions_[2];
  std::optional<std::mt19937_64> random_;
};

}  // namespace muxpro::testing
