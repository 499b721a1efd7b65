// websocket_reader, which takes the data out of a peer's frames, however they are cut. Ring 4, a rule.
#pragma once

#include "proxy/websocket/frame.hpp"

#include <muxpro/codec.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// Holds no data. Of a frame it has the header, and the payload if it is a control frame.
class websocket_reader {
 public:
  /// `masked` is true if the peer is a client, which has to mask its frames.
  explicit websocket_reader(bool masked) noexcept : masked_(masked) {}

  /// Takes all of the next bytes. Moves the data among them to the front, unmasked, and returns the size of
  /// that. Texts are data, too. What follows a Close or a mistake is dropped.
  std::size_t next(bytes in);

  /// The payload of the last Ping, once. Earlier ones need no answer (RFC 6455 section 5.5.3).
  std::optional<std::vector<std::byte>> take_ping() { return std::exchange(ping_, std::nullopt); }
  bool has_ping() const noexcept { return ping_.has_value(); }
  /// Returns whether the peer sends no more data, after websocket_end_mark or a Close.
  bool ended() const noexcept { return ended_; }
  /// The peer has sent a Close, and takes no more data.
  bool closed() const noexcept { return closed_; }
  /// std::errc::protocol_error if a frame was against the protocol.
  std::error_code failure() const noexcept { return failure_; }

 private:
  bool finished() const noexcept { return closed_ || failure_; }
  std::size_t take_header(const_bytes in);
  std::size_t header_size() const noexcept;
  void begin_frame();
  bool is_valid(std::byte first, bool has_mask) const noexcept;
  std::size_t take_control(const_bytes in);
  void end_control();
  std::size_t take_data(std::byte* to, const_bytes in) noexcept;
  void fail() noexcept { failure_ = std::make_error_code(std::errc::protocol_error); }
  bool in_control() const noexcept { return opcode_ >= websocket_opcode::close; }

  const bool masked_;
  std::array<std::byte, max_websocket_header> header_{};
  std::uint8_t header_has_ = 0;  ///< bytes of the header that have come
  bool in_payload_ = false, in_message_ = false;
  bool ended_ = false, closed_ = false;
  websocket_opcode opcode_ = websocket_opcode::binary;
  websocket_mask mask_{};
  std::uint64_t length_ = 0, taken_ = 0;  ///< of the payload
  std::vector<std::byte> control_;
  std::optional<std::vector<std::byte>> ping_;
  std::error_code failure_;
};

}  // namespace muxpro::proxy
