// The bytes of CRYPTO frames in their order, from pieces in any order (RFC 9000 section 19.6).
#pragma once

#include "proxy/sniff/sniffer.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace muxpro::proxy {

/// Holds the first sniff_limit bytes, allocated only as far as they have come.
class crypto_stream {
 public:
  /// Where pieces overlap, what came first stays, so that an answer given once is not taken back.
  void insert(std::uint64_t offset, const_bytes piece) {
    if (offset >= sniff_limit || piece.empty()) return;
    const auto at = static_cast<std::size_t>(offset);
    piece = piece.first(std::min(piece.size(), sniff_limit - at));
    if (at + piece.size() > data_.size()) {
      data_.resize(at + piece.size());
      known_.resize(data_.size(), false);
    }
    for (std::size_t i = 0; i < piece.size(); ++i) {
      if (known_[at + i]) continue;
      known_[at + i] = true;
      data_[at + i] = piece[i];
    }
    while (whole_ < known_.size() && known_[whole_]) ++whole_;
  }

  /// Returns the bytes from the begin of the stream to the first gap.
  const_bytes from_begin() const noexcept { return const_bytes(data_).first(whole_); }
  bool full() const noexcept { return whole_ == sniff_limit; }

 private:
  std::vector<std::byte> data_;
  std::vector<bool> known_;
  std::size_t whole_ = 0;
};

}  // namespace muxpro::proxy
