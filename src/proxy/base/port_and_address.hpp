// An address as VLESS, VMess and Mux.Cool write it, which is u16 port, u8 type, address. Ring 4, a rule.
#pragma once

#include "proxy/base/byte_reader.hpp"

#include <muxpro/destination.hpp>

#include <cstddef>
#include <optional>
#include <vector>

namespace muxpro::proxy {

/// 255 bytes of name.
inline constexpr std::size_t max_port_and_address = 2 + 1 + 1 + 255;

/// The host of the result may be invalid. Returns nothing if the type is unknown, or the reader has failed.
std::optional<host_port> read_port_and_address(byte_reader& r);
/// The host must be valid.
void append_port_and_address(std::vector<std::byte>& out, const host_port& where);

}  // namespace muxpro::proxy
