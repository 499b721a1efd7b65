// websocket_outgoing, frames on their way to the stream below. Ring 4.
#pragma once

#include "proxy/websocket/frame.hpp"

#include <muxpro/any_stream.hpp>
#include <muxpro/layer.hpp>

#include <asio/buffer.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// A mask that cannot be predicted. Throws std::runtime_error without a source of random numbers.
websocket_mask random_mask();

/// Control frames, and one message behind them.
class websocket_outgoing {
 public:
  /// What is copied, because it is masked or the stream below takes one buffer at a time, and what is not.
  static constexpr std::size_t most_copied = 64 * 1024, most_gathered = 256 * 1024;

  /// `frames` go first. The message has the first bytes of `data`, which stay in their place if `copies` is
  /// false. Without data there is no message.
  websocket_outgoing(std::vector<std::byte> frames, std::span<const asio::const_buffer> data,
                     const optional_mask& mask, bool copies);

  /// The bytes of a handshake, among which there are `payload` of data.
  websocket_outgoing(std::vector<std::byte> handshake, std::size_t payload)
      : front_(std::move(handshake)), payload_(payload) {
    parts_[0] = asio::buffer(front_);
  }

  std::span<const asio::const_buffer> left() const noexcept {
    return std::span(parts_).subspan(first_, count_ - first_);
  }
  void consume(std::size_t n) noexcept;
  /// Bytes of data in the message.
  std::size_t payload() const noexcept { return payload_; }

 private:
  static constexpr std::size_t small = 4096;
  void limit(std::span<const asio::const_buffer> data, std::size_t most) noexcept;
  void copy(const optional_mask& mask);

  std::vector<std::byte> front_;  ///< frames, and the header of the message
  layer::thread_memory memory_;
  std::array<asio::const_buffer, 64> parts_;  ///< as many as Asio writes at once
  std::size_t first_ = 0, count_ = 1;
  std::size_t payload_ = 0;
};

}  // namespace muxpro::proxy
