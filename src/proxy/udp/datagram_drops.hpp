// datagram_drops, which counts the datagrams that a proxy has dropped by reason, and logs them in bursts.
// Ring 4.
#pragma once

#include "proxy/base/burst_limiter.hpp"
#include "proxy/engine/burst_timer.hpp"

#include <muxpro/proxy/log.hpp>

#include <muxpro/proxy/datagram_counts.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace muxpro::proxy {

/// Counts are exact. The log gets one line for the first drop of a client and a reason in a second, and one
/// with the number of the others when that second is over. Thread-safe.
class datagram_drops {
 public:
  /// Without `to` it only counts.
  explicit datagram_drops(log_sink to = {});
  datagram_drops(const datagram_drops&) = delete;
  /// As finish().
  ~datagram_drops();

  /// `whose` is for the log, such as "10.0.0.1" or "outbound far".
  void note(drop_reason why, std::string_view whose, std::uint64_t datagrams = 1) noexcept;
  std::uint64_t count(drop_reason why) const noexcept {
    return counts_[static_cast<std::size_t>(why)].load(std::memory_order_relaxed);
  }
  std::array<std::uint64_t, drop_reasons> counts() const noexcept;

  /// Where the reports at the end of a second are made, until finish(). Without it, finish() makes them.
  void report_on(asio::any_io_executor executor) { timer_.run_on(std::move(executor)); }
  /// Reports all drops so far. The executor of report_on() is not used any more.
  void finish() noexcept;

 private:
  static constexpr std::size_t most_clients = 256;
  struct by_reason {
    burst_limiter<std::string> lines{1, most_clients};
  };

  void write(drop_reason why, std::string_view whose, std::uint64_t datagrams, bool further) const;
  void report_ended(time_point ended_at);
  time_point next_end() const;

  const log_sink to_;
  std::array<std::atomic<std::uint64_t>, drop_reasons> counts_{};
  std::array<by_reason, drop_reasons> bursts_;
  burst_timer timer_;
};

}  // namespace muxpro::proxy
