// Xray's messages about transports, sockets and sniffing, which are a part of the table of forms.hpp. Ring 4,
// a rule.
#pragma once

#include "proxy/api/message.hpp"

#include <span>
#include <string_view>

namespace muxpro::proxy {

inline constexpr std::string_view address_strategies[] = {
    "AsIs",    "UseIP",     "UseIPv4",   "UseIPv6",     "UseIPv4v6",  "UseIPv6v4",
    "ForceIP", "ForceIPv4", "ForceIPv6", "ForceIPv4v6", "ForceIPv6v4"};

std::span<const typed_message> transport_messages();

}  // namespace muxpro::proxy
