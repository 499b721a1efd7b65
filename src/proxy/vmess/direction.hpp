// The keys of one direction of a VMess connection, and the lengths of its chunks. Ring 4, a rule.
#pragma once

#include "proxy/base/aead.hpp"
#include "proxy/vmess/request.hpp"
#include "proxy/vmess/shake128.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace muxpro::proxy {

/// Returns the key and the IV of the server's direction, which are hashes of those of the request. Throws
/// std::runtime_error if libcrypto has no SHA-256.
vmess_block vmess_response_block(const vmess_block& of_request);

/// A cipher and the nonces of its chunks. A nonce is a counter of 16 bits, which wraps, in front of a part of
/// the IV.
class vmess_cipher {
 public:
  vmess_cipher(vmess_security s, const vmess_block& key, const vmess_block& iv, aead_key::use how);

  void seal(const_bytes text, std::byte* to) { key_.seal(next_nonce(), text, to); }
  bool open(const_bytes sealed, std::byte* to) { return key_.open(next_nonce(), sealed, to); }

 private:
  const_bytes next_nonce() noexcept;

  aead_key key_;
  std::array<std::byte, aead_nonce> nonce_{};
  std::uint16_t count_ = 0;
};

/// The length in front of each chunk, which is masked, sealed or plain.
class vmess_lengths {
 public:
  /// `iv` is that of the direction. Sealed lengths of both directions have the keys of the request.
  vmess_lengths(const vmess_body& b, const vmess_block& iv, aead_key::use how);

  /// Bytes of the length itself.
  std::size_t size() const noexcept { return cipher_ ? 2 + aead_tag : 2; }
  /// Bytes that a chunk has beside its text, padding excluded.
  std::size_t tag() const noexcept { return tag_; }
  /// Bytes of padding at most.
  std::size_t most_padding() const noexcept { return pads_ ? 63 : 0; }

  /// Draws what belongs to the next chunk. Returns the size of its padding.
  std::size_t draw() noexcept;
  /// `chunk` is the size of text, tag and padding.
  void seal(std::size_t chunk, std::byte* to);
  std::optional<std::size_t> open(const_bytes field);

 private:
  shake128 shake_;
  const bool masks_, pads_;
  const std::size_t tag_;
  std::uint16_t mask_ = 0;
  std::optional<vmess_cipher> cipher_;
};

}  // namespace muxpro::proxy
