// A server of DNS over HTTPS (RFC 8484), and the connections to it. Ring 4.
#pragma once

#include "proxy/names/dns_exchange.hpp"
#include "proxy/names/dns_server_options.hpp"
#include "proxy/transport/drained_set.hpp"
#include "proxy/transport/http2_pool.hpp"

#include <muxpro/proxy/transport.hpp>

#include <asio/awaitable.hpp>

#include <memory>
#include <mutex>
#include <string>
#include <system_error>

namespace muxpro::proxy {

/// Each thread keeps a connection, over which all its queries go. Any thread.
class doh_server {
 public:
  /// `authority` is as tls_options::authority. Throws std::runtime_error with one sentence about a file.
  doh_server(const dns_server_options& o, const std::string& authority);

  /// Completes when all questions have a reply. `below` dials the server if there is no connection. Errors:
  /// those of `below`, of TLS, of http2_category(), eof and connection_reset, and bad_message for an invalid
  /// reply. Cancellation (terminal): operation_aborted, or an exception. The requests are reset.
  asio::awaitable<void> ask(dns_exchange& e, transport::opener below, std::error_code& ec);
  /// From now on a connection ends behind its last query.
  void drain() { kept_.drain(); }

 private:
  asio::awaitable<std::shared_ptr<http2_connection>> connect(transport::opener below, std::error_code& ec);
  asio::awaitable<void> ask_over(http2_connection& c, dns_exchange& e, std::error_code& ec) const;
  http2_stream request(http2_connection& c, std::size_t size) const;

  const std::string path_, authority_;
  const std::shared_ptr<const transport> tls_;  ///< null for HTTP/2 without TLS
  http2_pools pools_;
  drained_set<http2_connection> kept_;
};

}  // namespace muxpro::proxy
