// Measures how fast outbounds reach a page, for balancers.
#pragma once

#include "proxy/config/config.hpp"
#include "proxy/routing/outbound_health.hpp"

#include <muxpro/proxy/dispatcher.hpp>
#include <muxpro/proxy/transport.hpp>

#include <asio/awaitable.hpp>

#include <functional>
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
  /// `outbounds` are the tags of all outbounds, of which the options select some.
  observatory(observatory_options options, const std::vector<std::string>& outbounds);

  /// Measures one outbound after the other, again and again, on the thread of `to`, which must outlive it.
  /// Completes never.
  /// Errors: none. An outbound that does not reach the page in time is not alive. Cancellation: not
  /// supported. It ends with its executor's context.
  asio::awaitable<void> run(dispatcher& to);
  /// Returns nothing if the outbound was not measured yet, or is not alive.
  std::optional<outbound_health> health(std::string_view outbound) const;
  /// Whether the last measurement has failed.
  bool is_dead(std::string_view outbound) const;

 private:
  /// Returns the time from the request to the answer, or nothing without an answer.
  asio::awaitable<std::optional<duration>> measure(dispatcher& to, std::string outbound) const;

  const observatory_options options_;
  std::vector<std::string> selected_;
  std::shared_ptr<const transport> tls_;  ///< null if the page is not encrypted
  mutable std::mutex mutex_;
  std::map<std::string, health_samples, std::less<>> samples_;
};

}  // namespace muxpro::proxy
