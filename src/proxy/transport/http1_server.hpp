// The requests that a client sends over one connection by HTTP/1.1, one behind the other. Ring 4.
#pragma once

#include "proxy/transport/http1_exchange.hpp"

#include <functional>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// Belongs to the strand of the connection below.
class http1_server : public std::enable_shared_from_this<http1_server> {
 public:
  /// Answers the request, now or later.
  using on_request = std::function<void(http_request, std::shared_ptr<http1_exchange>)>;

  http1_server(std::shared_ptr<connection> below, const http_head_limits& limits, on_request take)
      : below_(std::move(below)), limits_(limits), take_(std::move(take)) {}

  /// `early` has the bytes of the connection below that were read. Completes when the connection has ended.
  /// Errors: those of the connection below in the middle of a request, and timed_out. Cancellation: not
  /// supported. Cutting the connection below ends it.
  asio::awaitable<void> run(std::error_code& ec, std::vector<std::byte> early);
  /// Reads no further request.
  void drain();
  asio::any_io_executor get_executor() const { return below_->get_executor(); }

 private:
  asio::awaitable<http_request_parser::step> read_head(duration limit, std::error_code& ec);
  asio::awaitable<bool> serve(http_request r, std::error_code& ec);

  const std::shared_ptr<connection> below_;
  const http_head_limits limits_;
  const on_request take_;
  std::vector<std::byte> received_;  ///< behind the last request
  bool idle_ = false, draining_ = false;
};

}  // namespace muxpro::proxy
