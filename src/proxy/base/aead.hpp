// AEAD ciphers by OpenSSL. A key keeps its context, which costs more than a short message. Ring 4.
#pragma once

#include <muxpro/codec.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>

struct evp_cipher_ctx_st;

namespace muxpro::proxy {

enum class aead_cipher : std::uint8_t { aes_128_gcm, aes_256_gcm, chacha20_poly1305 };

inline constexpr std::size_t aead_tag = 16, aead_nonce = 12;
std::size_t aead_key_size(aead_cipher c) noexcept;

/// One key in one direction. Not shared by threads.
class aead_key {
 public:
  enum class use : std::uint8_t { to_seal, to_open };
  /// `key` has aead_key_size() bytes. Throws std::runtime_error if libcrypto fails.
  aead_key(aead_cipher c, const_bytes key, use how);

  /// Writes the sealed text and its tag to `to`, which may be text.data() itself. `nonce` has aead_nonce
  /// bytes. Throws std::runtime_error if libcrypto fails.
  void seal(const_bytes nonce, const_bytes text, std::byte* to, const_bytes associated = {});
  /// Writes the text, which is aead_tag shorter than `sealed`, to `to`, which may be sealed.data() itself.
  /// Returns false if it is not authentic. The written bytes must not be used then.
  bool open(const_bytes nonce, const_bytes sealed, std::byte* to, const_bytes associated = {});

  // A message in pieces: begin(), pass() for each, then finish() or is_authentic(). All throw
  // std::runtime_error if libcrypto fails.

  void begin(const_bytes nonce, const_bytes associated);
  /// Writes as many bytes to `to`, which may be from.data() itself.
  void pass(const_bytes from, std::byte* to);
  /// Writes the tag of what was sealed.
  void finish(std::byte* tag);
  /// Whether what was opened has this tag.
  bool is_authentic(const_bytes tag);

 private:
  struct free_context {
    void operator()(evp_cipher_ctx_st* c) const noexcept;
  };
  std::unique_ptr<evp_cipher_ctx_st, free_context> context_;
};

}  // namespace muxpro::proxy
