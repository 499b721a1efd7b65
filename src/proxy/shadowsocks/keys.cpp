#include "proxy/shadowsocks/keys.hpp"

#include "proxy/base/base64.hpp"
#include "proxy/shadowsocks/blake3.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

namespace muxpro::proxy {

namespace {

constexpr std::size_t sha1_size = 20;
using sha1_digest = std::array<std::byte, sha1_size>;

sha1_digest hmac_sha1(const_bytes key, const_bytes message) {
  sha1_digest out{};
  if (!::HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()),
              reinterpret_cast<const unsigned char*>(message.data()), message.size(),
              reinterpret_cast<unsigned char*>(out.data()), nullptr))
    throw std::runtime_error("libcrypto has no SHA-1");
  return out;
}

// RFC 5869.
shadowsocks_key hkdf_sha1(const_bytes secret, const_bytes salt, std::string_view info, std::size_t size) {
  const sha1_digest pseudorandom = hmac_sha1(salt, secret);
  shadowsocks_key out, block;
  for (int i = 1; out.size() < size; ++i) {
    for (const char c : info) block.push_back(static_cast<std::byte>(c));
    block.push_back(static_cast<std::byte>(i));
    const sha1_digest next = hmac_sha1(pseudorandom, block);
    block.assign(next.begin(), next.end());
    out.insert(out.end(), next.begin(), next.end());
  }
  out.resize(size);
  return out;
}

shadowsocks_key derived_2022(std::string_view context, const_bytes key, const_bytes salt) {
  shadowsocks_key material(key.begin(), key.end());
  material.insert(material.end(), salt.begin(), salt.end());
  const blake3_digest all = blake3_derive_key(context, material);
  return {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(key.size())};
}

}  // namespace

shadowsocks_key key_of_password(std::string_view password, std::size_t size) {
  shadowsocks_key out(size);
  if (EVP_BytesToKey(size == 16 ? EVP_aes_128_ecb() : EVP_aes_256_ecb(), EVP_md5(), nullptr,
                     reinterpret_cast<const unsigned char*>(password.data()),
                     static_cast<int>(password.size()), 1, reinterpret_cast<unsigned char*>(out.data()),
                     nullptr) != static_cast<int>(size))
    throw std::runtime_error("libcrypto has no MD5");
  return out;
}

std::optional<std::vector<shadowsocks_key>> parse_shadowsocks_keys(std::string_view text, std::size_t size) {
  std::vector<shadowsocks_key> out;
  for (;;) {
    const auto colon = text.find(':');
    const auto decoded = base64_decoded(text.substr(0, colon));
    if (!decoded || decoded->size() != size) return std::nullopt;
    const auto key = std::as_bytes(std::span(*decoded));
    out.emplace_back(key.begin(), key.end());
    if (colon == std::string_view::npos) return out;
    text.remove_prefix(colon + 1);
  }
}

shadowsocks_key session_key(const shadowsocks_method& method, const_bytes key, const_bytes salt) {
  if (method.of_2022) return derived_2022("shadowsocks 2022 session subkey", key, salt);
  return hkdf_sha1(key, salt, "ss-subkey", method.key_size);
}

shadowsocks_key identity_key(const_bytes server_key, const_bytes salt) {
  return derived_2022("shadowsocks 2022 identity subkey", server_key, salt);
}

key_identity identity_of(const_bytes key) {
  const blake3_digest hash = blake3(key);
  key_identity out;
  std::copy_n(hash.begin(), out.size(), out.begin());
  return out;
}

std::vector<std::byte> random_bytes(std::size_t size) {
  std::vector<std::byte> out(size);
  if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(size)) != 1)
    throw std::runtime_error("libcrypto has no random numbers");
  return out;
}

}  // namespace muxpro::proxy
