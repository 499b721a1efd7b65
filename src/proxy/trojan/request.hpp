// The head of Trojan, which the client alone sends. Ring 4, a rule.
//   56 hexadecimal digits of SHA-224(password), in lower case | CR LF | u8 command | u8 type, address, u16
//   port | CR LF
// The data follow as they are.
#pragma once

#include "proxy/policy/accounts.hpp"
#include "proxy/policy/request_head.hpp"
#include "proxy/socks/wire.hpp"

#include <muxpro/codec.hpp>
#include <muxpro/destination.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// Returns the SHA-224 as text. Throws std::runtime_error if libcrypto has no SHA-224.
std::string trojan_key(std::string_view password);

inline constexpr std::size_t trojan_key_size = 56;
inline constexpr std::string_view trojan_line_end = "\r\n";
inline constexpr std::size_t max_trojan_request = trojan_key_size + 2 + 1 + max_socks_address + 2;
/// `users` have the keys of trojan_key(). A request for datagrams may have the port 0, because each has its
/// own target.
request_head read_trojan_request(const_bytes received, const accounts& users);
/// The host of `target` must be valid.
std::vector<std::byte> trojan_request(std::string_view key, const destination& target);

}  // namespace muxpro::proxy
