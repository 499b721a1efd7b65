// Measures how fast outbounds reach a page, for balancers.
#pragma once

#include "proxy/config/config.hpp"

#include <muxpro/proxy/dispatcher.hpp>
#include <muxpro/proxy/transport.hpp>

#include <asio/awaitable.hpp>

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// Any thread, but for run().
class observatory {
 public:
  /// `outbounds`: tags of all outbounds, of which the options select some.
  observatory(observatory_options options, const std::vector<std::string>& outbounds);

  /// Measures one outbound after the other, again and again, on the thread of `to`, which must outlive it.
  /// Completes never.
  /// Errors: none; an outbound that does not reach the page in time is not alive.
  /// Cancellation: not supported; it ends with its executor's context.
  asio::awaitable<void> run(dispatcher& to);
  /// Microseconds from the request to the answer; nothing: not measured yet, or not alive.
  std::optional<std::size_t> round_trip(std::string_view outbound) const;
  /// Whether the last measurement has failed.
  bool is_dead(std::string_view outbound) const;

 private:
  struct measurement {
    bool alive = false;
    std::size_t microseconds = 0;
  };
  asio::awaitable<measurement> measure(dispatcher& to, std::string outbound) const;

  const observatory_options options_;
  std::vector<std::string> selected_;
  std::shared_ptr<const transport> tls_;  ///< null: the page is not encrypted
  mutable std::mutex mutex_;
  std::map<std::string, measurement, std::less<>> last_;
};

}  // namespace muxpro::proxy
