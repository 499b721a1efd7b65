// Answers DNS queries by UDP and TCP, with the addresses of a FakeDNS, or with those that the proxy's own
// resolver finds, and forwards others. Ring 4.
#pragma once

#include "proxy/dial/connect_operation.hpp"
#include "proxy/fake_dns/dns_query.hpp"
#include "proxy/fake_dns/fake_dns.hpp"
#include "proxy/names/dns_rules.hpp"

#include <muxpro/options.hpp>
#include <muxpro/proxy/outbound.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace muxpro::proxy {

struct dns_outbound_options {
  std::shared_ptr<const dns_rules> rules = std::make_shared<const dns_rules>();
  // --- where queries are forwarded to, in place of the server that the client asks
  std::optional<network> net;
  std::optional<address> host;
  std::uint16_t port = 0;
};

class dns_outbound final : public outbound {
 public:
  /// Without a query for so long, a client is done (a few seconds, RFC 7766 section 6.2.3).
  static constexpr duration idle = std::chrono::seconds(5);

  /// All addresses are those of `fakes`.
  explicit dns_outbound(std::shared_ptr<fake_dns> fakes) : fakes_(std::move(fakes)) {}
  /// `names` and `policy` must outlive it. `direct` takes forwarded queries to their servers. If null, they
  /// are refused.
  dns_outbound(resolver& names, const dial_policy& policy, dns_outbound_options options = {},
               std::shared_ptr<outbound> direct = nullptr)
      : names_(&names), policy_(&policy), options_(std::move(options)), direct_(std::move(direct)) {}

  /// From now on names that the resolver leaves to FakeDNS have addresses of `fakes`.
  void answer_by(std::shared_ptr<fake_dns> fakes) { fakes_ = std::move(fakes); }

  asio::awaitable<connection_result> carry(const context& ctx, client& c) override;
  asio::awaitable<connection_result> carry_datagrams(context ctx,
                                                     std::unique_ptr<datagram_stream> datagrams) override;
  datagram_support support_for_datagrams() const noexcept override { return datagram_support::carried; }
  void count_drops_in(std::shared_ptr<datagram_drops> d) override;

 private:
  friend class dns_session;
  asio::awaitable<void> answer_stream(const context& ctx, client& c, std::error_code& ec);
  dns_rules::decision decide(const dns_query& q) const { return options_.rules->decide(q.type(), q.name()); }
  std::vector<std::byte> reply_of_fakes(const_bytes query, const dns_query& q,
                                        name_rules::fakes_use when) const;
  std::vector<std::byte> reply_with(const dns_query& q, const std::vector<asio::ip::address>& found,
                                    std::error_code why) const;
  context forwarded(const context& ctx, const host_port& asked) const;

  std::shared_ptr<fake_dns> fakes_;
  resolver* names_ = nullptr;
  const dial_policy* policy_ = nullptr;
  const dns_outbound_options options_;
  const std::shared_ptr<outbound> direct_;
};

}  // namespace muxpro::proxy
