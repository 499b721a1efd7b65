// Protected Initial packets of a client, by libcrypto (RFC 9001 sections 5.2 to 5.4, RFC 9369 section 3).
// Written without a look at the code under test: the published samples must come out.
#pragma once

#include "message.hpp"

#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace rules_test {

using octet_string = std::vector<std::uint8_t>;

inline octet_string octets_of(const_bytes b) {
  const auto* const first = reinterpret_cast<const std::uint8_t*>(b.data());
  return {first, first + b.size()};
}

inline void must(bool succeeded) {
  if (!succeeded) throw std::runtime_error("libcrypto failed");
}

/// HKDF with SHA-256 (RFC 5869): Extract alone, or Expand alone.
inline octet_string hkdf(bool extract, const octet_string& key, const octet_string& salt_or_info,
                         std::size_t size) {
  const std::unique_ptr<EVP_PKEY_CTX, void (*)(EVP_PKEY_CTX*)> c(EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nullptr),
                                                                 EVP_PKEY_CTX_free);
  const auto length = static_cast<int>(salt_or_info.size());
  must(c && EVP_PKEY_derive_init(c.get()) == 1);
  must(EVP_PKEY_CTX_set_hkdf_mode(
           c.get(), extract ? EVP_PKEY_HKDEF_MODE_EXTRACT_ONLY : EVP_PKEY_HKDEF_MODE_EXPAND_ONLY) == 1);
  must(EVP_PKEY_CTX_set_hkdf_md(c.get(), EVP_sha256()) == 1);
  must(EVP_PKEY_CTX_set1_hkdf_key(c.get(), key.data(), static_cast<int>(key.size())) == 1);
  must((extract ? EVP_PKEY_CTX_set1_hkdf_salt(c.get(), salt_or_info.data(), length)
                : EVP_PKEY_CTX_add1_hkdf_info(c.get(), salt_or_info.data(), length)) == 1);
  octet_string out(size);
  must(EVP_PKEY_derive(c.get(), out.data(), &size) == 1 && size == out.size());
  return out;
}

inline octet_string expand_label(const octet_string& secret, std::string_view label, std::size_t size) {
  const std::string full = "tls13 " + std::string(label);
  const message info = message().number(size, 2).counted(1, message().text(full)).number(0, 1);
  return hkdf(false, secret, octets_of(info.bytes()), size);
}

struct quic_flavour {
  std::uint32_t version;
  unsigned initial, zero_rtt, handshake, retry;
  octet_string salt;
  std::string key, iv, hp;
};

inline const quic_flavour& quic_v1() {
  static const quic_flavour f{1,
                              0,
                              1,
                              2,
                              3,
                              {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
                               0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a},
                              "quic key",
                              "quic iv",
                              "quic hp"};
  return f;
}
inline const quic_flavour& quic_v2() {
  static const quic_flavour f{0x6b3343cf,
                              1,
                              2,
                              3,
                              0,
                              {0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
                               0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9},
                              "quicv2 key",
                              "quicv2 iv",
                              "quicv2 hp"};
  return f;
}

/// In `octets` bytes, which may be more than it takes.
inline message varint(std::uint64_t n, std::size_t octets) {
  const unsigned prefix = octets == 1 ? 0 : octets == 2 ? 1 : octets == 4 ? 2 : 3;
  return message().number(n | std::uint64_t{prefix} << (8 * octets - 2), octets);
}
inline message varint(std::uint64_t n) {
  return varint(n, n < 64 ? 1 : n < 16384 ? 2 : n < (1u << 30) ? 4 : 8);
}

struct initial_packet {
  const quic_flavour* flavour = &quic_v1();
  byte_string id = message().number(0x8394c8f03e515708, 8);
  byte_string source_id, token;
  std::uint32_t number = 2;
  std::size_t number_size = 4;
  byte_string frames;
  std::size_t padded_to = 0;  ///< size of the frames with PADDING behind them
  std::uint8_t form = 0xc0;   ///< the bits of a long header, and the fixed bit

  byte_string bytes() const {
    byte_string plain = frames;
    plain.resize(std::max(plain.size(), padded_to));
    const std::size_t length = number_size + plain.size() + 16;
    message head;
    head.number(form | flavour->initial << 4 | (number_size - 1), 1).number(flavour->version, 4);
    head.counted(1, message().raw(id)).counted(1, message().raw(source_id));
    head.raw(varint(token.size()).bytes()).raw(token).raw(varint(length, 2).bytes());
    const std::size_t number_at = head.bytes().size();
    head.number(number, number_size);
    return protect(head, number_at, plain);
  }

 private:
  byte_string protect(byte_string head, std::size_t number_at, const byte_string& plain) const {
    const octet_string initial = hkdf(true, octets_of(id), flavour->salt, 32);
    const octet_string client = expand_label(initial, "client in", 32);
    const byte_string sealed = seal(client, head, plain);
    head.insert(head.end(), sealed.begin(), sealed.end());
    const octet_string mask =
        encrypt_block(expand_label(client, flavour->hp, 16), const_bytes(head).subspan(number_at + 4, 16));
    head[0] ^= std::byte(mask[0] & 0x0f);
    for (std::size_t i = 0; i < number_size; ++i) head[number_at + i] ^= std::byte(mask[1 + i]);
    return head;
  }

  byte_string seal(const octet_string& client, const byte_string& head, const byte_string& plain) const {
    octet_string nonce = expand_label(client, flavour->iv, 12);
    for (std::size_t i = 0; i < 4; ++i) nonce[11 - i] ^= static_cast<std::uint8_t>(number >> (8 * i));
    const octet_string key = expand_label(client, flavour->key, 16), aad = octets_of(head),
                       in = octets_of(plain);
    const auto c = context();
    octet_string out(in.size() + 16 + 1);
    int n = 0;
    must(EVP_EncryptInit_ex(c.get(), EVP_aes_128_gcm(), nullptr, key.data(), nonce.data()) == 1);
    must(EVP_EncryptUpdate(c.get(), nullptr, &n, aad.data(), static_cast<int>(aad.size())) == 1);
    must(in.empty() ||
         EVP_EncryptUpdate(c.get(), out.data(), &n, in.data(), static_cast<int>(in.size())) == 1);
    must(EVP_EncryptFinal_ex(c.get(), out.data() + in.size(), &n) == 1);
    must(EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_GCM_GET_TAG, 16, out.data() + in.size()) == 1);
    out.pop_back();
    const auto all = std::as_bytes(std::span(out));
    return {all.begin(), all.end()};
  }

  static octet_string encrypt_block(const octet_string& key, const_bytes block) {
    const auto c = context();
    const octet_string in = octets_of(block);
    octet_string out(32);
    int n = 0;
    must(EVP_EncryptInit_ex(c.get(), EVP_aes_128_ecb(), nullptr, key.data(), nullptr) == 1);
    must(EVP_EncryptUpdate(c.get(), out.data(), &n, in.data(), static_cast<int>(in.size())) == 1);
    return out;
  }

  static std::unique_ptr<EVP_CIPHER_CTX, void (*)(EVP_CIPHER_CTX*)> context() {
    return {EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free};
  }
};

/// A packet of another type with a length, whose content is encrypted.
inline byte_string opaque_packet(const quic_flavour& f, unsigned type, std::size_t size) {
  message m;
  m.number(0xc0 | type << 4, 1).number(f.version, 4).counted(1, message().number(1, 8)).counted(1, message());
  return m.raw(varint(size, 2).bytes()).fill(size, 0x77);
}

inline message crypto_frame(std::uint64_t offset, const_bytes piece) {
  return message().number(6, 1).raw(varint(offset).bytes()).raw(varint(piece.size()).bytes()).raw(piece);
}

}  // namespace rules_test
