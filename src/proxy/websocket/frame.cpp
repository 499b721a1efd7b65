#include "proxy/websocket/frame.hpp"

#include <cstring>

namespace muxpro::proxy {

namespace {

constexpr std::byte final_frame{0x80}, is_masked{0x80};
constexpr std::byte length_of_2{126}, length_of_8{127};

}  // namespace

websocket_header::websocket_header(websocket_opcode opcode, std::uint64_t length,
                                   const optional_mask& mask) noexcept {
  const auto add = [this](std::byte b) { bytes[size++] = b; };
  const auto add_number = [&](int octets) {
    for (int shift = 8 * (octets - 1); shift >= 0; shift -= 8) add(static_cast<std::byte>(length >> shift));
  };
  const std::byte mask_bit = mask ? is_masked : std::byte{0};
  add(final_frame | static_cast<std::byte>(opcode));
  if (length <= max_websocket_control) {
    add(mask_bit | static_cast<std::byte>(length));
  } else if (length <= 0xffff) {
    add(mask_bit | length_of_2);
    add_number(2);
  } else {
    add(mask_bit | length_of_8);
    add_number(8);
  }
  if (mask)
    for (const std::byte b : *mask) add(b);
}

void apply_mask(std::byte* to, const_bytes from, const websocket_mask& mask, std::uint64_t offset) noexcept {
  std::array<std::byte, 8> turned;
  for (std::size_t i = 0; i < turned.size(); ++i) turned[i] = mask[(offset + i) % mask.size()];
  std::uint64_t word = 0, eight = 0;
  std::memcpy(&word, turned.data(), sizeof word);
  std::size_t i = 0;
  for (; i + sizeof eight <= from.size(); i += sizeof eight) {
    std::memcpy(&eight, from.data() + i, sizeof eight);
    eight ^= word;
    std::memcpy(to + i, &eight, sizeof eight);
  }
  for (; i < from.size(); ++i) to[i] = from[i] ^ turned[i % turned.size()];
}

std::vector<std::byte> websocket_control(websocket_opcode opcode, const_bytes payload,
                                         const optional_mask& mask) {
  const websocket_header head(opcode, payload.size(), mask);
  std::vector<std::byte> out(head.data().begin(), head.data().end());
  out.insert(out.end(), payload.begin(), payload.end());
  if (mask) {
    const bytes behind = bytes(out).subspan(head.size);
    apply_mask(behind.data(), behind, *mask, 0);
  }
  return out;
}

std::vector<std::byte> websocket_close(std::uint16_t status, const optional_mask& mask) {
  const std::array payload{static_cast<std::byte>(status >> 8), static_cast<std::byte>(status)};
  return websocket_control(websocket_opcode::close, payload, mask);
}

}  // namespace muxpro::proxy
