// The queries of one client of a dns_outbound, several at a time. Ring 4.
#pragma once

#include "proxy/outbound/dns.hpp"

#include <muxpro/proxy/context.hpp>
#include <muxpro/semaphore.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/cancellation_signal.hpp>

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <vector>

namespace muxpro::proxy {

/// Belongs to one strand. Its owner awaits finish() before it goes.
class dns_session : public std::enable_shared_from_this<dns_session> {
 public:
  /// Sends a reply to a query for `asked`. The reply is empty if the message was no query.
  using sender = std::function<asio::awaitable<void>(std::vector<std::byte> reply, host_port asked)>;

  dns_session(dns_outbound& of, const context& ctx, asio::any_io_executor executor, sender s);

  /// Begins to answer, when fewer than 32 queries are under way.
  asio::awaitable<void> take(std::vector<std::byte> query, host_port asked);
  /// Gives up what is under way.
  void cut();
  /// Completes when no query is under way. Cancellation: not supported.
  asio::awaitable<void> finish();

 private:
  static constexpr std::size_t at_a_time = 32;
  using message = std::vector<std::byte>;

  asio::awaitable<void> answer(std::shared_ptr<dns_session> self, message query, host_port asked);
  asio::awaitable<void> reply_by_rules(message query, host_port asked);
  asio::awaitable<message> find(const dns_query& q);
  asio::awaitable<message> forward(message query, host_port asked);
  asio::awaitable<message> forward_datagram(context ctx, message query);
  asio::awaitable<message> forward_in_stream(context ctx, message query);
  asio::awaitable<void> send(message reply, host_port asked);

  dns_outbound& of_;
  const context ctx_;
  const sender send_;
  semaphore places_, writing_;
  std::list<asio::cancellation_signal> under_way_;
};

}  // namespace muxpro::proxy
