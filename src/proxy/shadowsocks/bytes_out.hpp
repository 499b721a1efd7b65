// Numbers and bytes behind what is in a vector. Big-endian.
#pragma once

#include <muxpro/codec.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace muxpro::proxy {

inline void append_number(std::vector<std::byte>& out, std::uint64_t n, std::size_t octets) {
  while (octets-- > 0) out.push_back(static_cast<std::byte>(n >> 8 * octets));
}

inline void append_bytes(std::vector<std::byte>& out, const_bytes more) {
  out.insert(out.end(), more.begin(), more.end());
}

}  // namespace muxpro::proxy
