// Straight to the target, under the dial policy, or by another outbound. Ring 4.
#pragma once

#include "proxy/dial/connect_operation.hpp"
#include "proxy/outbound/fragment.hpp"
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
  /// Whether private and local targets are allowed. Without a value they are, if only this machine can reach
  /// the inbounds.
  std::optional<bool> allow_private;
  /// nat_limits::user_datagrams, 0 means no limit. Without a value there is no limit if only this machine can
  /// reach the inbounds, else the default applies.
  std::optional<std::uint32_t> udp_rate;
  nat_limits nat;  ///< its user_datagrams are set by udp_rate
  dial_options dial;
  /// Every connection goes there. If the host is empty or the port is 0, that part of the target stays.
  std::optional<host_port> redirect;
  std::optional<fragment_options> fragment;
  unsigned proxy_header = 0;  ///< the version of PROXY protocol's header for targets, 0 for no header

  /// All time-outs divided by `factor`, for tests. Rates and sizes stay.
  freedom_options scaled(double factor) const;
  /// Returns an empty string if every value is valid, else one sentence that names the option and its bounds.
  std::string validate() const;
};
/// The plan of an outbound with these options.
outbound_plan plan_of(const freedom_options& o);

class freedom final : public outbound {
 public:
  /// `names`, `policy` and `nat` must outlive it. Without `nat` it refuses datagrams.
  freedom(resolver& names, const dial_policy& policy, dial_options dial, relay_options relay,
          udp_nat* nat = nullptr)
      : names_(names), policy_(policy), relay_(relay), nat_(nat) {
    options_.dial = std::move(dial);
  }
  freedom(resolver& names, const dial_policy& policy, freedom_options options, relay_options relay,
          udp_nat* nat)
      : names_(names), policy_(policy), options_(std::move(options)), relay_(relay), nat_(nat) {}

  /// Targets that the operator has chosen, for queries of this program itself, are dialled under another
  /// policy. Both must outlive it.
  void carry_own_queries(const dial_policy& policy, udp_nat* nat) noexcept {
    own_policy_ = &policy;
    own_nat_ = nat;
  }

  asio::awaitable<connection_result> carry(const context& ctx, client& c) override;
  asio::awaitable<connection_result> carry_datagrams(context ctx,
                                                     std::unique_ptr<datagram_stream> datagrams) override;
  datagram_support support_for_datagrams() const noexcept override;

 private:
  destination target_of(const context& ctx) const;
  asio::awaitable<connection_result> carry_through(const next_outbound& next, const context& ctx, client& c);
  asio::awaitable<std::shared_ptr<connection>> open_through(const next_outbound& next, const context& ctx,
                                                            client& c, std::error_code& ec) const;
  asio::awaitable<void> begin(const context& ctx, client& c, connection& far,
                              const asio::ip::tcp::endpoint& target, std::error_code& ec) const;

  resolver& names_;
  const dial_policy& policy_;
  freedom_options options_;
  const relay_options relay_;
  udp_nat* const nat_;
  const dial_policy* own_policy_ = &policy_;
  udp_nat* own_nat_ = nat_;
};

}  // namespace muxpro::proxy
