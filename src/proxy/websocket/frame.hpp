// Headers and masks of frames of WebSocket (RFC 6455 section 5). Ring 4, a rule.
#pragma once

#include <muxpro/codec.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace muxpro::proxy {

enum class websocket_opcode : std::uint8_t {
  continuation = 0,
  text = 1,
  binary = 2,
  close = 8,
  ping = 9,
  pong = 10
};

/// A client masks its frames, and a server does not. Each frame has a mask of its own, which must be
/// unpredictable.
using websocket_mask = std::array<std::byte, 4>;
using optional_mask = std::optional<websocket_mask>;

/// Two bytes, a length of eight, a mask.
inline constexpr std::size_t max_websocket_header = 14;
/// The payload of a control frame.
inline constexpr std::size_t max_websocket_control = 125;

/// A message is one frame.
struct websocket_header {
  websocket_header(websocket_opcode opcode, std::uint64_t length, const optional_mask& mask) noexcept;
  const_bytes data() const noexcept { return {bytes.data(), size}; }

  std::array<std::byte, max_websocket_header> bytes{};
  std::size_t size = 0;
};

/// Masks or unmasks the bytes of a payload from `offset` on, 8 at a time. `to` is `from.data()`, or memory
/// before it, or elsewhere.
void apply_mask(std::byte* to, const_bytes from, const websocket_mask& mask, std::uint64_t offset) noexcept;

/// A control frame, whose payload has at most max_websocket_control bytes.
std::vector<std::byte> websocket_control(websocket_opcode opcode, const_bytes payload,
                                         const optional_mask& mask);

/// The status of a Close behind the last message, and of one after a frame that breaks the protocol (RFC 6455
/// section 7.4.1).
inline constexpr std::uint16_t websocket_normal = 1000, websocket_protocol_error = 1002;
std::vector<std::byte> websocket_close(std::uint16_t status, const optional_mask& mask);

/// WebSocket has no half-close, and peers take a Close for the end of both directions. muxpro sends this as
/// the payload of a Pong behind its last byte. Others ignore a Pong that no Ping has asked for
/// (section 5.5.3).
inline constexpr std::array<std::byte, 3> websocket_end_mark{std::byte{'e'}, std::byte{'o'}, std::byte{'f'}};

}  // namespace muxpro::proxy
