// Connections by which this program asks its own DNS servers.
#pragma once

#include <muxpro/proxy/context.hpp>

#include <string_view>

namespace muxpro::proxy {

/// The protocol of their contexts, and their inbound tag where the configuration gives none. No inbound has a
/// name with a space.
inline constexpr std::string_view own_queries = "dns queries";

/// Returns whether the connection is a DNS query of this program. The operator has chosen its target, so no
/// dial policy for clients applies, and no rule may need the address of a name for it.
inline bool is_own_query(const context::inbound_part& in) noexcept { return in.protocol == own_queries; }

/// Whether lines about the connection are wanted only if those about queries are.
inline bool is_about_names(const context::inbound_part& in) noexcept {
  return in.protocol == "dns" || is_own_query(in);
}

}  // namespace muxpro::proxy
