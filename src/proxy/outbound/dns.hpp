// Answers DNS queries with the addresses of a FakeDNS, by UDP and TCP. Ring 4.
#pragma once

#include "proxy/fake_dns/fake_dns.hpp"

#include <muxpro/options.hpp>
#include <muxpro/proxy/outbound.hpp>

#include <chrono>
#include <memory>
#include <utility>

namespace muxpro::proxy {

class dns_outbound final : public outbound {
 public:
  /// Without a query for so long, a client is done (RFC 7766 section 6.2.3: a few seconds).
  static constexpr duration idle = std::chrono::seconds(5);

  explicit dns_outbound(std::shared_ptr<fake_dns> names) : names_(std::move(names)) {}

  asio::awaitable<connection_result> carry(const context& ctx, client& c) override;
  asio::awaitable<connection_result> carry_datagrams(context ctx,
                                                     std::unique_ptr<datagram_stream> datagrams) override;
  datagram_support support_for_datagrams() const noexcept override { return datagram_support::carried; }

 private:
  asio::awaitable<void> answer(client& c, std::error_code& ec) const;

  const std::shared_ptr<fake_dns> names_;
};

}  // namespace muxpro::proxy
