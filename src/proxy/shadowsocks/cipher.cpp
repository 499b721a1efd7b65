#include "proxy/shadowsocks/cipher.hpp"

#include "proxy/shadowsocks/hchacha20.hpp"

#include <algorithm>
#include <stdexcept>

namespace muxpro::proxy {

namespace {

constexpr std::size_t hchacha_nonce = 16;

aead_cipher short_cipher(shadowsocks_cipher c) {
  switch (c) {
    case shadowsocks_cipher::aes_128_gcm: return aead_cipher::aes_128_gcm;
    case shadowsocks_cipher::aes_256_gcm: return aead_cipher::aes_256_gcm;
    case shadowsocks_cipher::chacha20_poly1305:
    case shadowsocks_cipher::xchacha20_poly1305: break;
  }
  return aead_cipher::chacha20_poly1305;
}

/// Returns the nonce of ChaCha20 behind hchacha20(), which is zeros and the rest of the long one.
std::array<std::byte, aead_nonce> short_nonce(const_bytes nonce) {
  std::array<std::byte, aead_nonce> out{};
  const const_bytes rest = nonce.subspan(hchacha_nonce);
  std::copy(rest.begin(), rest.end(), out.end() - static_cast<std::ptrdiff_t>(rest.size()));
  return out;
}

}  // namespace

std::size_t nonce_size(shadowsocks_cipher c) noexcept {
  return c == shadowsocks_cipher::xchacha20_poly1305 ? longest_nonce : aead_nonce;
}

sealing_key::sealing_key(shadowsocks_cipher c, use how, const_bytes key) : how_(how) {
  if (c == shadowsocks_cipher::xchacha20_poly1305)
    std::copy_n(key.begin(), long_key_.size(), long_key_.begin());
  else
    key_.emplace(short_cipher(c), key, how);
}

aead_key sealing_key::key_for(const_bytes nonce) const {
  return {aead_cipher::chacha20_poly1305, hchacha20(long_key_, nonce.first(hchacha_nonce)), how_};
}

void sealing_key::seal(const_bytes nonce, const_bytes text, std::byte* to) {
  if (key_) return key_->seal(nonce, text, to);
  key_for(nonce).seal(short_nonce(nonce), text, to);
}

bool sealing_key::open(const_bytes nonce, const_bytes sealed, std::byte* to) {
  if (key_) return key_->open(nonce, sealed, to);
  return key_for(nonce).open(short_nonce(nonce), sealed, to);
}

aes_blocks::aes_blocks(sealing_key::use how, const_bytes key) : context_(EVP_CIPHER_CTX_new()) {
  const EVP_CIPHER* const cipher = key.size() == 16 ? EVP_aes_128_ecb() : EVP_aes_256_ecb();
  const bool ready =
      context_ &&
      EVP_CipherInit_ex(context_.get(), cipher, nullptr, reinterpret_cast<const unsigned char*>(key.data()),
                        nullptr, how == sealing_key::use::to_seal ? 1 : 0) == 1 &&
      EVP_CIPHER_CTX_set_padding(context_.get(), 0) == 1;
  if (!ready) throw std::runtime_error("libcrypto takes no key of AES");
}

aes_blocks::block aes_blocks::of(const_bytes in) {
  block out;
  int n = 0;
  if (EVP_CipherUpdate(context_.get(), reinterpret_cast<unsigned char*>(out.data()), &n,
                       reinterpret_cast<const unsigned char*>(in.data()), static_cast<int>(out.size())) != 1)
    throw std::runtime_error("libcrypto encrypts no block");
  return out;
}

}  // namespace muxpro::proxy
