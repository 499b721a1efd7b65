// Keys that both sides of Shadowsocks have in a configuration. Ring 4, a rule.
#pragma once

#include "proxy/shadowsocks/keys.hpp"
#include "proxy/shadowsocks/method.hpp"

#include <muxpro/proxy/settings.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// That of an inbound whose configuration has neither users nor a method. The API adds users then, and panels
/// have this one for them.
inline constexpr std::string_view method_of_later_users = "chacha20-ietf-poly1305";

/// Reads "method". Returns null if it is missing or wrong, which was reported.
const shadowsocks_method* read_shadowsocks_method(settings& s);
/// Reads "password" of one key of SIP004, or of one or several of SIP022. Returns no keys if it is missing or
/// wrong, which was reported, or if `m` is null. `most` limits the number of keys.
std::vector<shadowsocks_key> read_shadowsocks_keys(settings& s, const shadowsocks_method* m,
                                                   std::size_t most);

}  // namespace muxpro::proxy
