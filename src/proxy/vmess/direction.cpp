#include "proxy/vmess/direction.hpp"

#include "proxy/vmess/kdf.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <stdexcept>

namespace muxpro::proxy {

namespace {

template <std::size_t N>
std::array<std::byte, N> hash(const EVP_MD* how, const_bytes data) {
  std::array<std::byte, N> out{};
  if (EVP_Digest(data.data(), data.size(), reinterpret_cast<unsigned char*>(out.data()), nullptr, how,
                 nullptr) != 1)
    throw std::runtime_error("libcrypto lacks a hash");
  return out;
}

vmess_block first_block(const std::array<std::byte, 32>& from) {
  vmess_block out{};
  std::copy_n(from.begin(), out.size(), out.begin());
  return out;
}

aead_key aes_key(const vmess_block& key, aead_key::use how) { return {aead_cipher::aes_128_gcm, key, how}; }

// ChaCha20 has 32 bytes of key.
aead_key chacha_key(const vmess_block& key, aead_key::use how) {
  const auto first = hash<16>(EVP_md5(), key), second = hash<16>(EVP_md5(), first);
  std::array<std::byte, 32> both{};
  std::copy(second.begin(), second.end(), std::copy(first.begin(), first.end(), both.begin()));
  return {aead_cipher::chacha20_poly1305, both, how};
}

bool seals_lengths(const vmess_body& b) noexcept {
  return b.encrypted() && b.has(vmess_body::authenticated_lengths);
}

// Padding requires masked lengths. Without encryption only datagrams are padded.
bool pads(const vmess_body& b) noexcept {
  return b.has(vmess_body::padding) && b.has(vmess_body::masked_lengths) && (b.encrypted() || b.datagrams);
}

}  // namespace

vmess_block vmess_response_block(const vmess_block& of_request) {
  return first_block(hash<32>(EVP_sha256(), of_request));
}

vmess_cipher::vmess_cipher(vmess_security s, const vmess_block& key, const vmess_block& iv, aead_key::use how)
    : key_(s == vmess_security::chacha20_poly1305 ? chacha_key(key, how) : aes_key(key, how)) {
  std::copy_n(iv.begin() + 2, nonce_.size() - 2, nonce_.begin() + 2);
}

const_bytes vmess_cipher::next_nonce() noexcept {
  nonce_[0] = static_cast<std::byte>(count_ >> 8U);
  nonce_[1] = static_cast<std::byte>(count_);
  ++count_;
  return nonce_;
}

vmess_lengths::vmess_lengths(const vmess_body& b, const vmess_block& iv, aead_key::use how)
    : shake_(iv),
      masks_(b.has(vmess_body::masked_lengths) && !seals_lengths(b)),
      pads_(pads(b)),
      tag_(b.encrypted() ? aead_tag : 0) {
  if (!seals_lengths(b)) return;
  cipher_.emplace(b.security, first_block(vmess_kdf(b.key, {bytes_of("auth_len")})), b.iv, how);
}

std::size_t vmess_lengths::draw() noexcept {
  const std::size_t padding = pads_ ? shake_.next_word() % (most_padding() + 1) : 0;
  if (masks_) mask_ = shake_.next_word();
  return padding;
}

// A sealed length does not count the tag.
void vmess_lengths::seal(std::size_t chunk, std::byte* to) {
  const std::size_t n = (cipher_ ? chunk - aead_tag : chunk) ^ mask_;
  const std::array<std::byte, 2> plain{static_cast<std::byte>(n >> 8U), static_cast<std::byte>(n)};
  if (cipher_)
    cipher_->seal(plain, to);
  else
    std::copy(plain.begin(), plain.end(), to);
}

std::optional<std::size_t> vmess_lengths::open(const_bytes field) {
  std::array<std::byte, 2> plain{field[0], field[1]};
  if (cipher_ && !cipher_->open(field, plain.data())) return std::nullopt;
  const std::size_t n = std::to_integer<std::size_t>(plain[0]) << 8U | std::to_integer<std::size_t>(plain[1]);
  return cipher_ ? n + aead_tag : n ^ mask_;
}

}  // namespace muxpro::proxy
