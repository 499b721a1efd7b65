// Links that clients of V2Ray and Xray pass on: vless, vmess, trojan, ss, socks. Ring 4, a rule: no I/O.
#pragma once

#include <muxpro/proxy/settings.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// An outbound as a configuration has it. Nothing, and one sentence in `why`, if the link is none. The
/// sentence shows no secret.
std::optional<setting> outbound_of_link(std::string_view link, std::string& why);
/// The link of an outbound; nothing: its protocol or its transport has no link.
std::optional<std::string> link_of_outbound(const setting& outbound);
/// The links in a text: one in a line, or the base64 of such lines, as subscriptions have them.
std::vector<std::string> links_in(std::string_view text);
/// A client's configuration: SOCKS and HTTP at 127.0.0.1:1080, these outbounds, and a direct one.
setting client_config(std::vector<setting> outbounds);

}  // namespace muxpro::proxy
