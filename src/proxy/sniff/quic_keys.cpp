#include "proxy/sniff/quic_keys.hpp"

#include "proxy/base/expand_label.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <span>

namespace muxpro::proxy {

namespace {

// Salts and labels: RFC 9001 section 5, RFC 9369 section 3.3. Packet types: RFC 9000 section 17.2, RFC 9369
// section 3.2.
constexpr quic_version versions[] = {
    {0x00000001,
     0,
     1,
     3,
     {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
      0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a},
     "quic key",
     "quic iv",
     "quic hp"},
    {0x6b3343cf,
     1,
     2,
     0,
     {0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
      0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9},
     "quicv2 key",
     "quicv2 iv",
     "quicv2 hp"},
};

using octet_span = std::span<const std::uint8_t>;
using digest = std::array<std::uint8_t, 32>;

const std::uint8_t* octets_of(const_bytes b) { return reinterpret_cast<const std::uint8_t*>(b.data()); }

digest hmac_sha256(octet_span key, octet_span message) {
  digest out{};
  ::HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), message.data(), message.size(), out.data(),
         nullptr);
  return out;
}

template <std::size_t N>
void expand_into(std::array<std::uint8_t, N>& out, const digest& secret, std::string_view label) {
  expand_label(tls_digest::sha256, std::as_bytes(std::span(secret)), label,
               std::as_writable_bytes(std::span(out)));
}

struct free_context {
  void operator()(EVP_CIPHER_CTX* c) const { ::EVP_CIPHER_CTX_free(c); }
};
using cipher_context = std::unique_ptr<EVP_CIPHER_CTX, free_context>;

}  // namespace

const quic_version* find_quic_version(std::uint64_t number) noexcept {
  const auto found = std::find_if(std::begin(versions), std::end(versions),
                                  [number](const quic_version& v) { return v.number == number; });
  return found == std::end(versions) ? nullptr : found;
}

quic_keys::quic_keys(const quic_version& version, const_bytes id) {
  const digest initial = hmac_sha256(version.salt, {octets_of(id), id.size()});
  digest client{};
  expand_into(client, initial, "client in");
  expand_into(key_, client, version.key);
  expand_into(iv_, client, version.iv);
  expand_into(hp_, client, version.hp);
}

std::array<std::byte, 5> quic_keys::mask(const_bytes sample) const {
  std::array<std::uint8_t, 32> block{};
  int size = 0;
  const cipher_context c(::EVP_CIPHER_CTX_new());
  if (c && sample.size() == sample_size &&
      ::EVP_EncryptInit_ex(c.get(), EVP_aes_128_ecb(), nullptr, hp_.data(), nullptr) == 1)
    ::EVP_EncryptUpdate(c.get(), block.data(), &size, octets_of(sample), static_cast<int>(sample_size));
  std::array<std::byte, 5> out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = std::byte{block[i]};
  return out;
}

bool quic_keys::open(std::uint64_t packet_number, const_bytes header, const_bytes sealed,
                     std::vector<std::byte>& plain) const {
  if (sealed.size() < tag_size || sealed.size() > 65535) return false;
  const const_bytes text = sealed.first(sealed.size() - tag_size);
  std::array<std::uint8_t, 12> nonce = iv_;
  for (std::size_t i = 0; i < 8; ++i) nonce[11 - i] ^= static_cast<std::uint8_t>(packet_number >> (8 * i));
  std::array<std::uint8_t, tag_size> tag{};
  std::copy_n(octets_of(sealed) + text.size(), tag_size, tag.begin());

  plain.resize(text.size() + 1);  // never empty, so that data() is an address
  auto* const out = reinterpret_cast<std::uint8_t*>(plain.data());
  int size = 0, last = 0;
  const cipher_context c(::EVP_CIPHER_CTX_new());
  const bool authentic =
      c && ::EVP_DecryptInit_ex(c.get(), EVP_aes_128_gcm(), nullptr, key_.data(), nonce.data()) == 1 &&
      ::EVP_DecryptUpdate(c.get(), nullptr, &size, octets_of(header), static_cast<int>(header.size())) == 1 &&
      ::EVP_DecryptUpdate(c.get(), out, &size, octets_of(text), static_cast<int>(text.size())) == 1 &&
      ::EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_GCM_SET_TAG, static_cast<int>(tag.size()), tag.data()) == 1 &&
      ::EVP_DecryptFinal_ex(c.get(), out + size, &last) == 1;
  plain.resize(authentic ? text.size() : 0);
  return authentic;
}

}  // namespace muxpro::proxy
