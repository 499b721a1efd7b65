// Queries that a dns_outbound answers, by UDP and TCP. Ring 4.
#pragma once

#include "proxy/fake_dns/fake_dns.hpp"

#include <muxpro/proxy/inbound.hpp>
#include <muxpro/relay_options.hpp>

#include <memory>
#include <string>

namespace muxpro::proxy {

struct dns_inbound_options {
  /// The tag of the outbound that answers, without rules.
  std::string outbound = std::string(fake_dns_outbound);
  relay_options relay;
};

class dns_inbound final : public inbound {
 public:
  explicit dns_inbound(dns_inbound_options options) : options_(std::move(options)) {}

  asio::awaitable<void> serve(std::shared_ptr<connection> c, context ctx, dispatcher& to,
                              admission::ticket place) const override;
  bool admit_datagrams(context& ctx) const override;

 private:
  void complete(context& ctx, network net) const;

  const dns_inbound_options options_;
};

}  // namespace muxpro::proxy
