// Xray's API by gRPC, with a listener, and an outbound for connections that rules lead to it. Ring 4.
#pragma once

#include "proxy/base/burst_limiter.hpp"
#include "proxy/inbound/api_services.hpp"
#include "proxy/transport/drained_set.hpp"
#include "proxy/transport/http2_connection.hpp"

#include <muxpro/proxy/inbound.hpp>
#include <muxpro/proxy/outbound.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace muxpro::proxy {

class served_connections;

/// Shared by all threads.
class api_server {
 public:
  /// From the head of a call to its answer.
  static constexpr duration time_of_call = std::chrono::seconds(30);
  /// Of all clients together.
  static constexpr std::uint32_t calls_in_a_second = 500;
  static constexpr std::size_t most_held = 32 << 20;  ///< bytes of requests
  static constexpr std::uint32_t most_connections = 64;

  /// `services` are those whose methods may be called. `proxy` must outlive its connections.
  api_server(proxy_control& proxy, std::vector<std::string> services)
      : proxy_(proxy), services_(std::move(services)) {}

  /// Serves a connection of HTTP/2. Completes when it has ended, after its last call.
  /// Errors: those of http2_connection::run().
  /// Cancellation: not supported. Cutting `below` ends it.
  asio::awaitable<void> serve(std::shared_ptr<connection> below, std::error_code& ec);
  /// Connections end behind the calls that they have. Any thread.
  void drain() { servers_.drain(); }

 private:
  struct call_status;
  class call_body;
  class held_bytes;

  void take(http2_connection& c, const http2_request& r, served_connections& calls);
  asio::awaitable<void> answer(std::shared_ptr<connection> c, std::string path,
                               std::shared_ptr<call_status> status);
  asio::awaitable<std::string> result_of(std::shared_ptr<connection> c, std::string path);
  const api_method& method_of(std::string_view path);
  void count_call();

  proxy_control& proxy_;
  const std::vector<std::string> services_;
  const time_point began_ = std::chrono::steady_clock::now();
  counters_since counters_;
  drained_set<http2_connection> servers_;
  std::atomic<std::size_t> held_{0};
  burst_limiter<int> pace_{calls_in_a_second, 1};
};

/// A drain does not wait for its connections.
class api_inbound final : public inbound {
 public:
  explicit api_inbound(std::shared_ptr<api_server> s) : server_(std::move(s)) {}

  asio::awaitable<void> serve(std::shared_ptr<connection> c, context ctx, dispatcher& to,
                              admission::ticket place) const override;
  bool is_monitor() const noexcept override { return true; }
  /// A connection has its place until its end.
  std::shared_ptr<admission> waiting() const noexcept override { return places_; }

 private:
  const std::shared_ptr<api_server> server_;
  const std::shared_ptr<admission> places_ =
      std::make_shared<admission>(api_server::most_connections, api_server::most_connections);
};

class api_outbound final : public outbound {
 public:
  explicit api_outbound(std::shared_ptr<api_server> s) : server_(std::move(s)) {}

  asio::awaitable<connection_result> carry(const context& ctx, client& c) override;

 private:
  const std::shared_ptr<api_server> server_;
};

}  // namespace muxpro::proxy
