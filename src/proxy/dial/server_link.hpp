// server_link: sends queries to one DNS server and receives its answers. Ring 4.
#pragma once

#include "proxy/dial/shared_names.hpp"
#include "proxy/names/dns_exchange.hpp"

#include <muxpro/proxy/connection.hpp>
#include <muxpro/proxy/context.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include <cstddef>
#include <memory>
#include <system_error>

namespace muxpro::proxy {

/// For one query. Each function completes when all questions of the exchange have a reply.
/// Errors: why there will be no further reply. Cancellation (terminal): operation_aborted, or an exception.
class server_link {
 public:
  server_link(std::shared_ptr<shared_names> known, std::size_t server, asio::any_io_executor executor);

  /// A query whose reply is lost is sent again. What does not fit into datagrams comes by a stream.
  asio::awaitable<void> ask_by_datagrams(std::shared_ptr<dns_exchange> e, std::error_code& ec);
  asio::awaitable<void> ask_by_stream(std::shared_ptr<dns_exchange> e, std::error_code& ec);
  asio::awaitable<void> ask_by_https(std::shared_ptr<dns_exchange> e, std::error_code& ec);

 private:
  asio::awaitable<std::shared_ptr<connection>> open(std::error_code& ec);
  asio::awaitable<std::shared_ptr<connection>> dial(std::error_code& ec);
  context context_of(network net) const;

  const std::shared_ptr<shared_names> known_;
  const std::size_t server_;
  const dns_server_options& options_;
  const asio::any_io_executor executor_;
};

}  // namespace muxpro::proxy
