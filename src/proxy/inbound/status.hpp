// status_inbound, which serves the state of the proxy as a page for people, /metrics for Prometheus,
// /status.json for both, /debug/vars for clients of Xray, and /ready for balancers. Ring 4.
#pragma once

#include <muxpro/proxy/inbound.hpp>
#include <muxpro/proxy/outbound.hpp>
#include <muxpro/proxy/report.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

namespace muxpro::proxy {

/// Makes a report, with so many connections of each thread. Called on any thread.
using status_reporter = std::function<asio::awaitable<instance_report>(std::size_t connections_of_thread)>;

/// Shows the names of users and targets, so only the operator may reach its listener. It answers only
/// requests that name it by an address or as localhost, so that no page of the web can read it by a name of
/// its own (DNS rebinding).
class status_inbound final : public inbound {
 public:
  /// From the accepted connection to the end of its request's head.
  static constexpr duration handshake = std::chrono::seconds(5);

  explicit status_inbound(status_reporter report) : report_(std::move(report)) {}

  asio::awaitable<void> serve(std::shared_ptr<connection> c, context ctx, dispatcher& to,
                              admission::ticket place) const override;
  bool is_monitor() const noexcept override { return true; }

 private:
  const status_reporter report_;
};

/// The same page for connections that rules lead to it. An inbound of protocol dokodemo-door is its listener
/// then, as in Xray.
class status_outbound final : public outbound {
 public:
  explicit status_outbound(status_reporter report) : report_(std::move(report)) {}

  asio::awaitable<connection_result> carry(const context& ctx, client& c) override;

 private:
  const status_reporter report_;
};

}  // namespace muxpro::proxy
