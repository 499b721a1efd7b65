// xhttp_transport, XHTTP as a carrier. Each connection is one or several requests of HTTP/1.1 or HTTP/2. Ring
// 4.
#pragma once

#include "proxy/transport/drained_set.hpp"
#include "proxy/transport/http1_server.hpp"
#include "proxy/transport/http2_pool.hpp"
#include "proxy/transport/http_requests.hpp"
#include "proxy/transport/xhttp_server.hpp"
#include "proxy/xhttp/options.hpp"

#include <muxpro/proxy/transport.hpp>
#include <muxpro/proxy/transport_dialer.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace muxpro::proxy {

class xhttp_transport;

/// How a client reaches its server.
struct xhttp_connection_options {
  xhttp_connection_options() = default;

  bool http2 = false, secure = false, reality = false;
  duration ping_after = std::chrono::seconds(45);  ///< as Chrome's, 0 means no PING
  /// The server of downloads, over `download_by`. Null if it is the same as that of uploads.
  std::shared_ptr<transport_dialer> download_from;
  std::shared_ptr<const xhttp_transport> download_by;
};

/// By HTTP/2, all connections of a thread share connections below. By HTTP/1.1, each request has its own,
/// except requests with parts of an upload, which follow each other on those of the thread.
class xhttp_transport final : public transport {
 public:
  xhttp_transport(xhttp_options o, xhttp_connection_options w);

  /// A connection alone over `below`, in mode stream-one. Errors: as dial(). Cancellation: not supported.
  asio::awaitable<std::shared_ptr<connection>> open(std::shared_ptr<connection> below,
                                                    std::error_code& ec) const override;
  /// Serves by the version of HTTP that the client uses. Errors: those of http2_connection::run() and of
  /// `below`. Cancellation: not supported. Cutting `below` ends it.
  asio::awaitable<void> accept(std::shared_ptr<connection> below, server serve,
                               std::error_code& ec) const override;
  /// `below` may be called as long as the connection exists. Errors: those of `below`, and of
  /// http2_category(). What the server answers is known to reads alone.
  /// Cancellation (terminal): operation_aborted.
  asio::awaitable<std::shared_ptr<connection>> dial(opener below, std::error_code& ec) const override;
  bool takes_mux_cool_streams() const noexcept override { return false; }
  void drain() const override {
    of_http2_.drain();
    of_http1_.drain();
  }

 private:
  std::shared_ptr<http_requests> requests(const asio::any_io_executor& executor, opener below) const;
  /// Bytes of a part of an upload, at most.
  std::size_t part_size() const;
  http_request ask(xhttp_purpose p, const std::string& session) const;
  asio::awaitable<std::shared_ptr<connection>> dial_download(std::shared_ptr<http_requests> by,
                                                             std::string session, std::error_code& ec) const;
  asio::awaitable<void> accept_http1(std::shared_ptr<connection> below, std::vector<std::byte> early,
                                     xhttp_server::place at, std::optional<bool>& served,
                                     std::error_code& ec) const;
  asio::awaitable<void> accept_http2(std::shared_ptr<connection> below, std::vector<std::byte> early,
                                     xhttp_server::place at, std::optional<bool>& served,
                                     std::error_code& ec) const;

  const xhttp_options options_;
  const xhttp_connection_options connection_options_;
  const http2_options http2_;
  mutable http2_pools pools_;
  mutable thread_pools<http1_pool> kept_;
  mutable drained_set<http2_connection> of_http2_;
  mutable drained_set<http1_server> of_http1_;
  mutable xhttp_server server_;
};

}  // namespace muxpro::proxy
