// A limit for lines that one source provokes.
#pragma once

#include "proxy/base/burst_limiter.hpp"
#include "proxy/engine/burst_timer.hpp"

#include <muxpro/options.hpp>
#include <muxpro/proxy/log.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/ip/address.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace muxpro::proxy {

/// A log for lines that peers provoke. Lines left out are counted exactly, and a line reports them, before
/// the next one about the same source, or when the second is over, or in finish(). Thread-safe.
class rate_limited_log {
 public:
  rate_limited_log(log_sink to, std::uint32_t per_second);
  /// As finish().
  ~rate_limited_log();

  void note(log_level level, const asio::ip::address& source, const std::string& line);
  /// `line` is asked for only if it is written.
  void note(log_level level, const asio::ip::address& source, const std::function<std::string()>& line);

  /// Where the reports at the end of a second are made, until finish(). Without it, finish() makes them.
  void report_on(asio::any_io_executor executor) { timer_.run_on(std::move(executor)); }
  /// Reports all lines left out so far. The executor of report_on() is not used any more.
  void finish() noexcept;

 private:
  bool may_note(const asio::ip::address& source);
  void report_left_out(time_point ended_at);

  static constexpr std::size_t most_sources = 4096;

  const log_sink to_;
  burst_limiter<asio::ip::address> limiter_;
  burst_timer timer_;
};

}  // namespace muxpro::proxy
