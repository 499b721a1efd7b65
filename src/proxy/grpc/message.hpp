// gRPC's messages, as a carrier of bytes uses them. Boundaries of messages have no meaning. Ring 4, a rule.
//   u8 compressed = 0 | u32 size | message
//   message: fields of protobuf; field 1, varint key 0x0a | varint size | bytes, once or more often
#pragma once

#include <muxpro/codec.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace muxpro::proxy {

/// What grpc-go and gRPC's C core receive by default.
inline constexpr std::size_t most_grpc_message = 4 << 20;

/// Writes what stands before `payload` bytes of a message with one field, and returns its size. `payload` is
/// less than most_grpc_message.
inline constexpr std::size_t most_grpc_head = 5 + 1 + 4;
std::size_t write_grpc_head(std::span<std::byte, most_grpc_head> to, std::size_t payload) noexcept;

/// Finds the payload in a stream of messages. Fields other than 1 are skipped.
class grpc_reader {
 public:
  /// Takes bytes off `in` up to the end of the next piece of payload, and returns that piece. Empty if `in`
  /// has no more, or the stream is broken.
  const_bytes next(const_bytes& in) noexcept;
  bool broken() const noexcept { return place_ == place::nowhere; }
  /// Whether the stream may end here.
  bool between_messages() const noexcept { return place_ == place::flag; }

 private:
  enum class place : std::uint8_t { flag, size, key, value, length, payload, skipped, nowhere };

  void take(std::uint8_t byte) noexcept;
  void begin_message() noexcept;
  void take_varint(std::uint8_t byte) noexcept;
  void varint_ends() noexcept;
  void begin_value(std::uint64_t key) noexcept;
  void begin_bytes(place where, std::uint64_t size) noexcept;
  void value_ends() noexcept;

  place place_ = place::flag;
  std::uint8_t count_ = 0;  ///< bytes of the number that is being read
  bool is_payload_ = false;
  std::uint64_t number_ = 0;
  std::uint32_t message_ = 0;  ///< bytes that the message has left
  std::uint32_t value_ = 0;    ///< bytes that the value has left
};

}  // namespace muxpro::proxy
