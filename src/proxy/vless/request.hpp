// VLESS version 0, the heads of both directions. Ring 4, a rule.
//   request:  u8 version 0 | UUID of 16 bytes | u8 length, add-ons | u8 command | u16 port, u8 type, address
//   response: u8 version 0 | u8 length, add-ons
// A request for Mux.Cool (command 3) has no address, and stands here for the target v1.mux.cool:9527.
// The data follow as they are. The add-ons are a protobuf message, whose field 1 is the flow.
#pragma once

#include "proxy/base/port_and_address.hpp"
#include "proxy/base/uuid.hpp"
#include "proxy/policy/accounts.hpp"
#include "proxy/policy/request_head.hpp"

#include <muxpro/codec.hpp>
#include <muxpro/destination.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace muxpro::proxy {

/// Returns the key of a user. Bytes 6 and 7 of a UUID do not distinguish users, because clients may send
/// anything in them.
std::string vless_key(uuid id);

inline constexpr std::size_t max_vless_request = 1 + 16 + 1 + 255 + 1 + max_port_and_address;
/// `users` have the keys of vless_key().
request_head read_vless_request(const_bytes received, const accounts& users);
/// The only flow that there is.
inline constexpr std::string_view vision_flow = "xtls-rprx-vision";
/// The host of `target` must be valid. `by_vision` is true if connections use that flow. Datagrams never do.
std::vector<std::byte> vless_request(const uuid& id, const destination& target, bool by_vision = false);

inline constexpr std::array<std::byte, 2> vless_response{};
/// Returns the size of the response's head at the beginning of `received`, or 0 if more is needed or `ec` is
/// set.
std::size_t read_vless_response(const_bytes received, std::error_code& ec);

}  // namespace muxpro::proxy
