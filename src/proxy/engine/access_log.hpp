// The lines about connections that have ended.
#pragma once

#include "proxy/engine/rate_limited_log.hpp"

#include <muxpro/proxy/instance.hpp>

#include <asio/any_io_executor.hpp>

#include <cstdint>

namespace muxpro::proxy {

/// The lines about connections that have ended. A failed dial, and an end whose code has no meaning, have a
/// limit of their own, so that usual ends do not hide them. Thread-safe.
class access_log {
 public:
  /// `per_second` limits the lines about one source address. Further ones are counted.
  access_log(const log_sink& to, std::uint32_t per_second, access_detail d = access_detail::full)
      : usual_(to, per_second), odd_(to, per_second), detail_(d) {}

  void note(const ended_connection& c);
  /// A connection whose outbound has been chosen, as Xray writes it.
  void note_chosen(const context& ctx);
  /// As rate_limited_log::report_on().
  void report_on(const asio::any_io_executor& executor);
  /// As rate_limited_log::finish().
  void finish() noexcept;

 private:
  rate_limited_log usual_, odd_;
  const access_detail detail_;
};

}  // namespace muxpro::proxy
