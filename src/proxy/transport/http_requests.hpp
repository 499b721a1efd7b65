// Requests of a client to one place, over HTTP/1.1 or HTTP/2. Ring 4.
#pragma once

#include "proxy/http/request.hpp"
#include "proxy/transport/http1_pool.hpp"
#include "proxy/transport/http2_pool.hpp"

#include <muxpro/proxy/transport.hpp>

#include <cstddef>
#include <memory>
#include <system_error>

namespace muxpro::proxy {

/// Belongs to the strand of one thread.
class http_requests {
 public:
  virtual ~http_requests() = default;
  /// The connection writes the body of the request, and reads that of the answer. A request without a body is
  /// shut down already. Completes when the head has gone.
  /// Errors: those of the dial, and of the connection below. It returns null then.
  /// Cancellation (terminal): operation_aborted.
  virtual asio::awaitable<std::shared_ptr<connection>> send(http_request r, std::error_code& ec) = 0;
  /// Requests of a known size that may be under way at a time.
  virtual std::size_t most_at_a_time() const noexcept = 0;
};

/// Each request has a connection below for itself. Those whose size is known follow each other, on
/// connections that `pool` keeps.
std::shared_ptr<http_requests> make_http1_requests(std::shared_ptr<http1_pool> pool, transport::opener below);
/// `pool` has connections below, of which one is used as long as it can be.
std::shared_ptr<http_requests> make_http2_requests(std::shared_ptr<http2_pool> pool, transport::opener below);
/// As http_requests::send(), over one connection. `kept` exists as long as the stream.
std::shared_ptr<connection> send_over_http2(http2_connection& c, const http_request& r,
                                            std::shared_ptr<const void> kept = nullptr);

}  // namespace muxpro::proxy
