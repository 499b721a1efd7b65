// tls_buffer: bytes of TLS on their way between OpenSSL and the stream below. It has memory only while it has
// bytes, or room for a read. Ring 4.
#pragma once

#include "proxy/tls/record.hpp"

#include <muxpro/codec.hpp>
#include <muxpro/layer.hpp>

#include <cstddef>
#include <memory>

namespace muxpro::proxy {

class tls_buffer {
 public:
  /// OpenSSL may have to send more than a record of text: an alert, answers to new keys of the peer.
  static constexpr std::size_t spare = 1024;
  /// Large memory holds 16 full records. The thread lends it.
  static constexpr std::size_t small = 4096, large = 16 * full_record + spare;

  tls_buffer() noexcept = default;
  tls_buffer(const tls_buffer&) = delete;
  tls_buffer& operator=(const tls_buffer&) = delete;

  const_bytes data() const noexcept { return memory_.subspan(begin_, size()); }
  bytes data() noexcept { return memory_.subspan(begin_, size()); }
  std::size_t size() const noexcept { return end_ - begin_; }
  bool empty() const noexcept { return begin_ == end_; }
  std::size_t capacity() const noexcept { return memory_.size(); }

  /// Free memory behind the data, `least` bytes or more.
  bytes room(std::size_t least);
  /// Free memory behind the data, as it is. Large if there was none.
  bytes room_left();
  void filled(std::size_t n) noexcept { end_ += n; }
  void consume(std::size_t n) noexcept;
  /// Gives large memory back that is needed for few bytes and `more`, or for none.
  void shrink(std::size_t more = 0);

 private:
  void move_to(std::size_t capacity);
  void release() noexcept;

  layer::thread_memory lent_;
  std::unique_ptr<std::byte[]> own_;
  bytes memory_;  ///< one of the two, or none
  std::size_t begin_ = 0, end_ = 0;
};

}  // namespace muxpro::proxy
