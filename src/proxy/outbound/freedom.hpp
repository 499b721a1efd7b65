// Straight to the target, under the dial policy. Ring 4.
#pragma once

#include "proxy/dial/dialer.hpp"
#include "proxy/udp/udp_nat.hpp"

#include <muxpro/proxy/outbound.hpp>
#include <muxpro/proxy/registry.hpp>
#include <muxpro/relay_options.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace muxpro::proxy {

/// The settings of a configuration.
struct freedom_options {
  /// Private and local targets, too; nothing: if only this machine can reach the inbounds.
  std::optional<bool> allow_private;
  /// nat_limits::user_datagrams, 0: no limit; nothing: none if only this machine can reach the inbounds, else
  /// the default.
  std::optional<std::uint32_t> udp_rate;
  nat_limits nat;  ///< its user_datagrams are set by udp_rate
  dial_options dial;

  /// All time-outs divided by `factor`, for tests. Rates and sizes stay.
  freedom_options scaled(double factor) const;
  /// Empty if every value makes sense, else one sentence that names the option and its bounds.
  std::string validate() const;
};
/// The plan of an outbound with these options.
outbound_plan plan_of(const freedom_options& o);

class freedom final : public outbound {
 public:
  /// `names`, `policy` and `nat` must outlive it. Without `nat` it refuses datagrams.
  freedom(resolver& names, const dial_policy& policy, dial_options dial, relay_options relay,
          udp_nat* nat = nullptr)
      : names_(names), policy_(policy), dial_(dial), relay_(relay), nat_(nat) {}

  asio::awaitable<connection_result> carry(const context& ctx, client& c) override;
  asio::awaitable<connection_result> carry_datagrams(context ctx,
                                                     std::unique_ptr<datagram_stream> datagrams) override;
  datagram_support support_for_datagrams() const noexcept override {
    return nat_ ? datagram_support::carried : datagram_support::none;
  }

 private:
  resolver& names_;
  const dial_policy& policy_;
  const dial_options dial_;
  const relay_options relay_;
  udp_nat* const nat_;
};

}  // namespace muxpro::proxy
