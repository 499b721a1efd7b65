// grpc_transport, gRPC as a carrier. Each connection is a call, with messages around its bytes. Ring 4.
#pragma once

#include "proxy/grpc/path.hpp"
#include "proxy/transport/drained_set.hpp"
#include "proxy/transport/http2_pool.hpp"

#include <muxpro/proxy/transport.hpp>

#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace muxpro::proxy {

struct grpc_options {
  grpc_options() = default;

  grpc_paths paths = grpc_paths_of("");
  /// A server trusts X-Forwarded-For in requests that have one of these fields. Lower case.
  std::vector<std::string> trusted;
  // --- of a client
  bool many = false;  ///< calls the method whose messages have many fields
  std::string authority, user_agent;
  http2_options http2;
};

/// A client uses one connection below for all streams of a thread, as long as the server accepts further
/// streams on it.
class grpc_transport final : public transport {
 public:
  explicit grpc_transport(grpc_options options) : options_(std::move(options)), pools_(options_.http2) {}

  /// A connection alone over `below`. Errors: as dial(). Cancellation: not supported.
  asio::awaitable<std::shared_ptr<connection>> open(std::shared_ptr<connection> below,
                                                    std::error_code& ec) const override;
  /// Calls of another path get gRPC's status 12, other requests HTTP's 415. Errors: those of
  /// http2_connection::run(). Cancellation: not supported. Cutting `below` ends it.
  asio::awaitable<void> accept(std::shared_ptr<connection> below, server serve,
                               std::error_code& ec) const override;
  /// Errors: those of `below`, and of http2_category(). What the server answers is known to reads alone.
  /// Cancellation (terminal): operation_aborted.
  asio::awaitable<std::shared_ptr<connection>> dial(opener below, std::error_code& ec) const override;
  void drain() const override { servers_.drain(); }

 private:
  std::unique_ptr<connection> call(http2_connection& c) const;

  const grpc_options options_;
  mutable http2_pools pools_;
  mutable drained_set<http2_connection> servers_;
};

}  // namespace muxpro::proxy
