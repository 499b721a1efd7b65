// relay_beginning, the bytes with which one direction of a relay begins, before it goes on by reads and
// writes. Ring 2.
#pragma once

#include <muxpro/detail/asio.hpp>
#include <muxpro/detail/relay_buffer.hpp>
#include <muxpro/error.hpp>
#include <muxpro/relay_options.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace muxpro::detail {

/// Holds early bytes. If `waits` is set they are joined with the first bytes of the side that is read,
/// without its head. While waits() is true, the caller reads into room() and calls add(). Then it writes
/// left().
class relay_beginning {
 public:
  /// `most` is the number of bytes that one read takes.
  relay_beginning(std::vector<std::byte> early, bool waits, head_reader head, std::size_t most)
      : bytes_(std::move(early)), head_(std::move(head)), waits_(waits), room_(most) {}

  /// Whether the side must be read first.
  bool waits() const noexcept { return !ended_ && (waits_ || head_); }
  relay_buffer& room() noexcept { return room_; }
  /// A read has got `n` bytes. Returns why the direction ends, if it does.
  error_code add(error_code unread, std::size_t n);
  /// The side has no more bytes.
  bool ended() const noexcept { return ended_; }

  asio::const_buffer left() const noexcept { return asio::buffer(bytes_) + written_; }
  void written(std::size_t n) noexcept { written_ += n; }

 private:
  /// Takes the head off `read_`. Returns false if more of it is to come, or `ec` is set.
  bool strip_head(error_code& ec);

  std::vector<std::byte> bytes_, read_;
  head_reader head_;
  bool waits_, ended_ = false;
  std::size_t written_ = 0;
  relay_buffer room_;
};

inline bool relay_beginning::strip_head(error_code& ec) {
  if (!head_) return true;
  const std::size_t size = head_(read_, ec);
  if (ec || size == 0) return false;
  read_.erase(read_.begin(), read_.begin() + static_cast<std::ptrdiff_t>(size));
  head_ = nullptr;
  return true;
}

inline error_code relay_beginning::add(error_code unread, std::size_t n) {
  ended_ = unread == asio::error::eof;
  if (ended_) return read_.empty() ? error_code() : make_error_code(errc::connection_lost);
  if (unread) return unread;
  room_.filled(n);
  const auto* const first = static_cast<const std::byte*>(room_.bytes().data());
  read_.insert(read_.end(), first, first + n);
  room_.consume(n);
  error_code ec;
  if (!strip_head(ec)) return ec;
  waits_ = waits_ && read_.empty();
  bytes_.insert(bytes_.end(), read_.begin(), read_.end());
  read_.clear();
  return {};
}

}  // namespace muxpro::detail
