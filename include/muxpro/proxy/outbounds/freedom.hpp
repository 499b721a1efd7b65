// Straight to the target, under the dial policy. Ring 4.
#pragma once

#include <muxpro/proxy/dialer.hpp>
#include <muxpro/proxy/outbound.hpp>
#include <muxpro/relay_options.hpp>

namespace muxpro::proxy {

class freedom final : public outbound {
 public:
  /// `names` and `policy` must outlive it.
  freedom(resolver& names, const dial_policy& policy, dial_options dial, relay_options relay)
      : names_(names), policy_(policy), dial_(dial), relay_(relay) {}

  asio::awaitable<carried> carry(context c, outbound_link link) override;

 private:
  resolver& names_;
  const dial_policy& policy_;
  const dial_options dial_;
  const relay_options relay_;
};

}  // namespace muxpro::proxy
