// The ciphers of Shadowsocks. Ring 4, a rule.
#pragma once

#include "proxy/base/aead.hpp"

#include <muxpro/codec.hpp>

#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace muxpro::proxy {

/// The last one is of draft-irtf-cfrg-xchacha-03, which OpenSSL does not have.
enum class shadowsocks_cipher : std::uint8_t {
  aes_128_gcm,
  aes_256_gcm,
  chacha20_poly1305,
  xchacha20_poly1305
};

inline constexpr std::size_t longest_nonce = 24;
std::size_t nonce_size(shadowsocks_cipher c) noexcept;

/// One key in one direction. Not shared by threads.
class sealing_key {
 public:
  using use = aead_key::use;
  /// `key` has the size that the cipher needs. Throws std::runtime_error if libcrypto fails.
  sealing_key(shadowsocks_cipher c, use how, const_bytes key);

  /// As aead_key::seal(). `nonce` has nonce_size() bytes.
  void seal(const_bytes nonce, const_bytes text, std::byte* to);
  /// As aead_key::open().
  bool open(const_bytes nonce, const_bytes sealed, std::byte* to);

 private:
  /// XChaCha20 has a key of its own for each nonce.
  aead_key key_for(const_bytes nonce) const;

  use how_;
  std::optional<aead_key> key_;
  std::array<std::byte, 32> long_key_{};  ///< of XChaCha20
};

/// Units sealed one after the other. Their number, little-endian, is the nonce of each.
class sealing_sequence {
 public:
  sealing_sequence(shadowsocks_cipher c, sealing_key::use how, const_bytes key)
      : key_(c, how, key), size_(nonce_size(c)) {}

  /// Returns the size of what it has written to `to`.
  std::size_t seal(const_bytes text, std::byte* to) {
    key_.seal(nonce(), text, to);
    count();
    return text.size() + aead_tag;
  }
  /// After false the sequence has come to its end.
  bool open(const_bytes sealed, std::byte* to) {
    const bool authentic = key_.open(nonce(), sealed, to);
    count();
    return authentic;
  }

 private:
  const_bytes nonce() const noexcept { return const_bytes(next_).first(size_); }
  void count() noexcept {
    for (std::byte& b : next_) {
      b = static_cast<std::byte>(std::to_integer<unsigned>(b) + 1);
      if (b != std::byte{0}) return;
    }
  }

  sealing_key key_;
  std::size_t size_;
  std::array<std::byte, longest_nonce> next_{};
};

/// Single blocks of AES with a key of 16 or 32 bytes. Not shared by threads.
class aes_blocks {
 public:
  using block = std::array<std::byte, 16>;

  /// Throws std::runtime_error if libcrypto fails.
  aes_blocks(sealing_key::use how, const_bytes key);
  /// `in` has 16 bytes. Throws std::runtime_error if libcrypto fails.
  block of(const_bytes in);

 private:
  struct free_blocks {
    void operator()(EVP_CIPHER_CTX* c) const noexcept { EVP_CIPHER_CTX_free(c); }
  };
  std::unique_ptr<EVP_CIPHER_CTX, free_blocks> context_;
};

}  // namespace muxpro::proxy
