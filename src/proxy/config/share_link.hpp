// Share links of V2Ray and Xray for vless, vmess, trojan, ss and socks. Ring 4, a rule without I/O.
#pragma once

#include <muxpro/proxy/settings.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// Returns an outbound as a configuration has it. Returns nothing and sets `why` to one sentence if the link
/// is invalid. The sentence shows no secret.
std::optional<setting> outbound_of_link(std::string_view link, std::string& why);
/// Returns the link of an outbound, or nothing if its protocol or its transport has no link.
std::optional<std::string> link_of_outbound(const setting& outbound);
/// Returns the links in a text, which has one in a line, or is the base64 of such lines, as in subscriptions.
std::vector<std::string> links_in(std::string_view text);
/// Returns a client's configuration with SOCKS and HTTP at 127.0.0.1:1080, these outbounds, and a direct one.
setting client_config(std::vector<setting> outbounds);

}  // namespace muxpro::proxy
