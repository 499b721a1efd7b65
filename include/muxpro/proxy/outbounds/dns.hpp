// Answers DNS queries with the addresses of a FakeDNS, by UDP and TCP. Ring 4.
#pragma once

#include <muxpro/options.hpp>
#include <muxpro/proxy/fake_dns.hpp>
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

  asio::awaitable<carried> carry(context c, outbound_link link) override;
  asio::awaitable<carried> carry_datagrams(context c, std::unique_ptr<datagram_stream> datagrams) override;

 private:
  asio::awaitable<void> answer(pipe_end& stream, carried& how) const;

  const std::shared_ptr<fake_dns> names_;
};

}  // namespace muxpro::proxy
