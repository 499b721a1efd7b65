#include "proxy/reality/keys.hpp"
#include "proxy/base/deleter.hpp"

#include "proxy/base/byte_reader.hpp"
#include "proxy/base/text.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace muxpro::proxy {

namespace {

const unsigned char* raw_bytes(const_bytes b) noexcept {
  return reinterpret_cast<const unsigned char*>(b.data());
}
unsigned char* raw_bytes(bytes b) noexcept { return reinterpret_cast<unsigned char*>(b.data()); }

void demand(bool done, const char* what) {
  if (!done) throw std::runtime_error(fmt::format("libcrypto cannot do {}", what));
}

using pkey_ptr = std::unique_ptr<EVP_PKEY, deleter<EVP_PKEY_free>>;
using pkey_context = std::unique_ptr<EVP_PKEY_CTX, deleter<EVP_PKEY_CTX_free>>;
using gcm_context = std::unique_ptr<EVP_CIPHER_CTX, deleter<EVP_CIPHER_CTX_free>>;

/// HKDF with SHA-256 (RFC 5869).
key_bytes hkdf(const key_bytes& secret, const_bytes salt, std::string_view info) {
  const pkey_context c(EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nullptr));
  key_bytes out{};
  std::size_t size = out.size();
  const auto* const about = reinterpret_cast<const unsigned char*>(info.data());
  demand(c && EVP_PKEY_derive_init(c.get()) == 1 && EVP_PKEY_CTX_set_hkdf_md(c.get(), EVP_sha256()) == 1 &&
             EVP_PKEY_CTX_set1_hkdf_salt(c.get(), raw_bytes(salt), static_cast<int>(salt.size())) == 1 &&
             EVP_PKEY_CTX_set1_hkdf_key(c.get(), raw_bytes(const_bytes(secret)),
                                        static_cast<int>(secret.size())) == 1 &&
             EVP_PKEY_CTX_add1_hkdf_info(c.get(), about, static_cast<int>(info.size())) == 1 &&
             EVP_PKEY_derive(c.get(), raw_bytes(bytes(out)), &size) == 1,
         "HKDF");
  return out;
}

// For AES-256-GCM. The nonce is what the key derivation leaves of the random.
constexpr std::size_t salt_size = 20, nonce_size = 12, claim_size = 16, tag_size = 16;

gcm_context gcm(const key_bytes& key, const_bytes random, const_bytes hello, int seals) {
  gcm_context c(EVP_CIPHER_CTX_new());
  int n = 0;
  const const_bytes nonce = random.subspan(salt_size, nonce_size);
  demand(c &&
             EVP_CipherInit_ex(c.get(), EVP_aes_256_gcm(), nullptr, raw_bytes(const_bytes(key)),
                               raw_bytes(nonce), seals) == 1 &&
             EVP_CipherUpdate(c.get(), nullptr, &n, raw_bytes(hello), static_cast<int>(hello.size())) == 1,
         "AES-256-GCM");
  return c;
}

using claim_bytes = std::array<std::byte, claim_size>;

claim_bytes bytes_of(const reality_claim& c) {
  claim_bytes out{};
  for (std::size_t i = 0; i < 3; ++i) out[i] = static_cast<std::byte>(c.version[i]);
  for (std::size_t i = 0; i < 4; ++i) out[4 + i] = static_cast<std::byte>(c.time >> (24 - 8 * i));
  std::copy(c.id.begin(), c.id.end(), out.begin() + 8);
  return out;
}

reality_claim claim_of(const claim_bytes& b) {
  byte_reader r(b);
  reality_claim out;
  out.version = take_octets<3>(r);
  r.take(1);
  out.time = static_cast<std::uint32_t>(r.number(4));
  const const_bytes id = r.rest();
  std::copy(id.begin(), id.end(), out.id.begin());
  return out;
}

constexpr std::string_view base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

}  // namespace

std::optional<key_bytes> parse_key(std::string_view text) {
  key_bytes out{};
  if (text.size() != 43) return std::nullopt;
  std::uint32_t bits = 0;
  std::size_t known = 0, n = 0;
  for (const char c : text) {
    const auto value = base64url.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 6U | static_cast<std::uint32_t>(value);
    known += 6;
    if (known < 8) continue;
    known -= 8;
    out[n++] = static_cast<std::byte>(bits >> known);
  }
  return out;
}

std::string to_text(const key_bytes& key) {
  std::string out;
  std::uint32_t bits = 0;
  unsigned known = 0;
  for (const std::byte b : key) {
    bits = bits << 8U | std::to_integer<std::uint32_t>(b);
    for (known += 8; known >= 6; known -= 6) out += base64url[bits >> (known - 6) & 63U];
  }
  if (known > 0) out += base64url[bits << (6 - known) & 63U];
  return out;
}

std::optional<short_id> parse_short_id(std::string_view text) {
  short_id out{};
  if (text.size() > 2 * out.size() || text.size() % 2 != 0) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int digit = hex_value(text[i]);
    if (digit < 0) return std::nullopt;
    out[i / 2] |= static_cast<std::byte>(i % 2 == 0 ? digit << 4 : digit);
  }
  return out;
}

std::string to_text(const short_id& id) {
  std::string out;
  for (const std::byte b : id) out += fmt::format("{:02x}", std::to_integer<unsigned>(b));
  return out;
}

std::optional<client_version> parse_client_version(std::string_view text) {
  client_version out{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::string_view part = text.substr(0, text.find('.'));
    const auto n = number<std::uint8_t>(part);
    if (!n) return std::nullopt;
    out[i] = *n;
    if (part.size() == text.size()) return out;
    text.remove_prefix(part.size() + 1);
  }
  return std::nullopt;
}

std::string to_text(const client_version& v) { return fmt::format("{}.{}.{}", v[0], v[1], v[2]); }

x25519_key::x25519_key(const key_bytes& private_key)
    : key_(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, raw_bytes(const_bytes(private_key)),
                                        private_key.size()),
           deleter<EVP_PKEY_free>()) {
  demand(key_ != nullptr, "X25519");
}

key_bytes x25519_key::public_key() const {
  key_bytes out{};
  std::size_t size = out.size();
  demand(EVP_PKEY_get_raw_public_key(key_.get(), raw_bytes(bytes(out)), &size) == 1, "X25519");
  return out;
}

// RFC 7748, section 6.1. An all-zero result is rejected.
std::optional<key_bytes> x25519_key::secret_with(const_bytes public_key) const {
  const pkey_ptr theirs(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, raw_bytes(public_key), public_key.size()));
  if (!theirs) return std::nullopt;
  const pkey_context c(EVP_PKEY_CTX_new(key_.get(), nullptr));
  key_bytes out{};
  std::size_t size = out.size();
  demand(c && EVP_PKEY_derive_init(c.get()) == 1, "X25519");
  if (EVP_PKEY_derive_set_peer(c.get(), theirs.get()) != 1) return std::nullopt;
  if (EVP_PKEY_derive(c.get(), raw_bytes(bytes(out)), &size) != 1) return std::nullopt;
  return out;
}

key_bytes random_key() {
  key_bytes out{};
  demand(RAND_priv_bytes(raw_bytes(bytes(out)), static_cast<int>(out.size())) == 1, "random numbers");
  return out;
}

std::optional<key_bytes> auth_key(const x25519_key& own, const_bytes public_key, const_bytes random) {
  const auto secret = own.secret_with(public_key);
  if (!secret) return std::nullopt;
  return hkdf(*secret, random.first(salt_size), "REALITY");
}

session_id seal_session_id(const key_bytes& key, const_bytes random, const_bytes hello,
                           const reality_claim& claim) {
  const gcm_context c = gcm(key, random, hello, 1);
  const claim_bytes plain = bytes_of(claim);
  session_id out{};
  int n = 0;
  demand(
      EVP_CipherUpdate(c.get(), raw_bytes(bytes(out)), &n, raw_bytes(const_bytes(plain)), claim_size) == 1 &&
          EVP_CipherFinal_ex(c.get(), raw_bytes(bytes(out)) + claim_size, &n) == 1 &&
          EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_AEAD_GET_TAG, tag_size, raw_bytes(bytes(out)) + claim_size) ==
              1,
      "AES-256-GCM");
  return out;
}

std::optional<reality_claim> open_session_id(const key_bytes& key, const reality_hello& hello) {
  if (hello.session_id.size() != session_id_size) return std::nullopt;
  const gcm_context c = gcm(key, hello.random, hello.without_session_id, 0);
  claim_bytes plain{};
  std::array<std::byte, tag_size> tag{};
  std::copy_n(hello.session_id.begin() + claim_size, tag_size, tag.begin());
  int n = 0;
  const bool opened =
      EVP_CipherUpdate(c.get(), raw_bytes(bytes(plain)), &n, raw_bytes(hello.session_id), claim_size) == 1 &&
      EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_AEAD_SET_TAG, tag_size, raw_bytes(bytes(tag))) == 1 &&
      EVP_CipherFinal_ex(c.get(), raw_bytes(bytes(plain)) + claim_size, &n) == 1;
  if (!opened) return std::nullopt;
  return claim_of(plain);
}

std::array<std::byte, 64> certificate_proof(const key_bytes& key, const_bytes ed25519) {
  std::array<std::byte, 64> out{};
  unsigned size = 0;
  demand(::HMAC(EVP_sha512(), key.data(), static_cast<int>(key.size()), raw_bytes(ed25519), ed25519.size(),
                raw_bytes(bytes(out)), &size) != nullptr,
         "HMAC");
  return out;
}

}  // namespace muxpro::proxy
