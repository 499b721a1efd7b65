#include "proxy/base/aead.hpp"

#include <openssl/evp.h>

#include <cassert>
#include <stdexcept>

namespace muxpro::proxy {

namespace {

// Found once, because the look-up costs more than a short message.
const EVP_CIPHER* found(const char* name) {
  const EVP_CIPHER* const c = EVP_CIPHER_fetch(nullptr, name, nullptr);
  if (!c) throw std::runtime_error("libcrypto lacks a cipher");
  return c;
}

const EVP_CIPHER* evp_of(aead_cipher c) {
  static const EVP_CIPHER* const aes_128 = found("AES-128-GCM");
  static const EVP_CIPHER* const aes_256 = found("AES-256-GCM");
  static const EVP_CIPHER* const chacha20 = found("ChaCha20-Poly1305");
  switch (c) {
    case aead_cipher::aes_128_gcm: return aes_128;
    case aead_cipher::aes_256_gcm: return aes_256;
    case aead_cipher::chacha20_poly1305: break;
  }
  return chacha20;
}

const unsigned char* raw(const_bytes b) noexcept { return reinterpret_cast<const unsigned char*>(b.data()); }
unsigned char* raw(std::byte* b) noexcept { return reinterpret_cast<unsigned char*>(b); }
void must_be_done(bool done) {
  if (!done) throw std::runtime_error("libcrypto does not encrypt or decrypt");
}
int size(const_bytes b) noexcept { return static_cast<int>(b.size()); }

}  // namespace

std::size_t aead_key_size(aead_cipher c) noexcept { return c == aead_cipher::aes_128_gcm ? 16 : 32; }

void aead_key::free_context::operator()(EVP_CIPHER_CTX* c) const noexcept { EVP_CIPHER_CTX_free(c); }

aead_key::aead_key(aead_cipher c, const_bytes key, use how) : context_(EVP_CIPHER_CTX_new()) {
  assert(key.size() == aead_key_size(c));
  if (!context_ || EVP_CipherInit_ex(context_.get(), evp_of(c), nullptr, raw(key), nullptr,
                                     how == use::to_seal ? 1 : 0) != 1)
    throw std::runtime_error("libcrypto takes no key");
}

void aead_key::seal(const_bytes nonce, const_bytes text, std::byte* to, const_bytes associated) {
  begin(nonce, associated);
  pass(text, to);
  finish(to + text.size());
}

bool aead_key::open(const_bytes nonce, const_bytes sealed, std::byte* to, const_bytes associated) {
  if (sealed.size() < aead_tag) return false;
  const const_bytes text = sealed.first(sealed.size() - aead_tag);
  begin(nonce, associated);
  pass(text, to);
  return is_authentic(sealed.subspan(text.size()));
}

void aead_key::begin(const_bytes nonce, const_bytes associated) {
  EVP_CIPHER_CTX* const c = context_.get();
  int n = 0;
  must_be_done(
      EVP_CipherInit_ex(c, nullptr, nullptr, nullptr, raw(nonce), -1) == 1 &&
      (associated.empty() || EVP_CipherUpdate(c, nullptr, &n, raw(associated), size(associated)) == 1));
}

void aead_key::pass(const_bytes from, std::byte* to) {
  int n = 0;
  must_be_done(from.empty() || EVP_CipherUpdate(context_.get(), raw(to), &n, raw(from), size(from)) == 1);
}

void aead_key::finish(std::byte* tag) {
  EVP_CIPHER_CTX* const c = context_.get();
  int n = 0;
  must_be_done(EVP_CipherFinal_ex(c, raw(tag), &n) == 1 &&
               EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, static_cast<int>(aead_tag), tag) == 1);
}

bool aead_key::is_authentic(const_bytes tag) {
  EVP_CIPHER_CTX* const c = context_.get();
  unsigned char none[aead_tag];
  int n = 0;
  auto* const expected = const_cast<std::byte*>(tag.data());  // libcrypto only reads it
  must_be_done(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag.size()), expected) == 1);
  return EVP_CipherFinal_ex(c, none, &n) == 1;
}

}  // namespace muxpro::proxy
