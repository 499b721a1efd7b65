// Answers DNS queries by UDP and TCP, with the addresses of a FakeDNS, or with those that the proxy's own
// resolver finds. Ring 4.
#pragma once

#include "proxy/dial/dialer.hpp"
#include "proxy/fake_dns/fake_dns.hpp"

#include <muxpro/options.hpp>
#include <muxpro/proxy/outbound.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace muxpro::proxy {

class dns_outbound final : public outbound {
 public:
  /// Without a query for so long, a client is done (RFC 7766 section 6.2.3: a few seconds).
  static constexpr duration idle = std::chrono::seconds(5);

  explicit dns_outbound(std::shared_ptr<fake_dns> fakes) : fakes_(std::move(fakes)) {}
  /// `names` and `policy` must outlive it.
  dns_outbound(resolver& names, const dial_policy& policy) : names_(&names), policy_(&policy) {}

  /// From now on the addresses are those of `fakes`.
  void answer_by(std::shared_ptr<fake_dns> fakes) { fakes_ = std::move(fakes); }

  asio::awaitable<connection_result> carry(const context& ctx, client& c) override;
  asio::awaitable<connection_result> carry_datagrams(context ctx,
                                                     std::unique_ptr<datagram_stream> datagrams) override;
  datagram_support support_for_datagrams() const noexcept override { return datagram_support::carried; }

 private:
  asio::awaitable<void> answer(context ctx, client& c, std::error_code& ec) const;
  /// Empty: there is none.
  asio::awaitable<std::vector<std::byte>> reply_to(std::vector<std::byte> query, std::string asker) const;

  std::shared_ptr<fake_dns> fakes_;
  resolver* names_ = nullptr;
  const dial_policy* policy_ = nullptr;
};

}  // namespace muxpro::proxy
