// Straight to the target, under the dial policy. Ring 4.
#pragma once

#include <muxpro/proxy/dialer.hpp>
#include <muxpro/proxy/outbound.hpp>
#include <muxpro/proxy/udp_nat.hpp>
#include <muxpro/relay_options.hpp>

namespace muxpro::proxy {

class freedom final : public outbound {
 public:
  /// `names`, `policy` and `nat` must outlive it. Without `nat` it refuses datagrams.
  freedom(resolver& names, const dial_policy& policy, dial_options dial, relay_options relay,
          udp_nat* nat = nullptr)
      : names_(names), policy_(policy), dial_(dial), relay_(relay), nat_(nat) {}

  asio::awaitable<carried> carry(context c, outbound_link link) override;
  asio::awaitable<carried> carry_datagrams(context c, std::unique_ptr<datagram_stream> datagrams) override;

 private:
  resolver& names_;
  const dial_policy& policy_;
  const dial_options dial_;
  const relay_options relay_;
  udp_nat* const nat_;
};

}  // namespace muxpro::proxy
