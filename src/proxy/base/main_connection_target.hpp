// main_connection_target(): the target with which a client requests a main connection through another
// protocol. Ring 4, a rule.
#pragma once

#include "proxy/base/host_name.hpp"

#include <muxpro/destination.hpp>
#include <muxpro/frame.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace muxpro::proxy {

/// Names of hosts that stand for main connections of Mux.Pro and of Mux.Cool. No such hosts exist.
inline constexpr std::string_view mux_pro_host = "mux.pro";
inline constexpr std::string_view mux_cool_host = "v1.mux.cool";
inline constexpr std::uint16_t main_connection_port = 9527;

inline destination main_connection_target(dialect d) {
  const std::string_view host = d == dialect::mux_cool ? mux_cool_host : mux_pro_host;
  return {network::tcp, address(host), main_connection_port};
}

/// Returns the dialect of sub-streams over a connection to `target`. Returns nothing if it is no main
/// connection.
inline std::optional<dialect> dialect_of_main_connection(const destination& target) {
  const bool may_be = target.net == network::tcp && target.port == main_connection_port;
  if (!may_be || !target.host.is_domain()) return std::nullopt;
  const auto host = canonical_host(target.host.domain());
  if (host == mux_pro_host) return dialect::spec;
  if (host == mux_cool_host) return dialect::mux_cool;
  return std::nullopt;
}

/// For logs, rules and configurations.
inline std::string_view name_of(dialect d) noexcept {
  return d == dialect::mux_cool ? "mux.cool" : "mux.pro";
}

}  // namespace muxpro::proxy
