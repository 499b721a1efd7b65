// append_message_head() and sizes: the heads of SIP022 in connections and in datagrams. Ring 4, a rule.
#pragma once

#include "proxy/shadowsocks/bytes_out.hpp"
#include "proxy/shadowsocks/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace muxpro::proxy {

/// The type of a message, its first byte (SIP022 section 3.1.3).
enum class shadowsocks_message : std::uint8_t { request = 0, response = 1 };

/// Type and time.
inline constexpr std::size_t shadowsocks_message_head = 1 + 8;
inline void append_message_head(std::vector<std::byte>& out, shadowsocks_message type, unix_time now) {
  out.push_back(static_cast<std::byte>(type));
  append_number(out, static_cast<std::uint64_t>(now.time_since_epoch().count()), 8);
}

/// That of a connection, which also has the length of the next piece.
inline constexpr std::size_t shadowsocks_fixed_head = shadowsocks_message_head + 2;
/// The longest padding (SIP022 section 3.1.3).
inline constexpr std::size_t most_padding = 900;
/// An identity header.
inline constexpr std::size_t identity_size = 16;

}  // namespace muxpro::proxy
