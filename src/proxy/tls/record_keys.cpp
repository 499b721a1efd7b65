#include "proxy/tls/record_keys.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <cassert>

namespace muxpro::proxy {

namespace {

/// The head of a record (RFC 8446 section 5.2): the outer type, the version of TLS 1.2, the size of the rest.
std::array<std::byte, record_header> record_head(std::size_t rest) noexcept {
  return {static_cast<std::byte>(record_type::application_data), std::byte{3}, std::byte{3},
          static_cast<std::byte>(rest >> 8), static_cast<std::byte>(rest)};
}

}  // namespace

std::optional<tls_suite> find_tls_suite(std::uint32_t number) noexcept {
  switch (number) {
    case 0x1301: return tls_suite{aead_cipher::aes_128_gcm, tls_digest::sha256};
    case 0x1302: return tls_suite{aead_cipher::aes_256_gcm, tls_digest::sha384};
    case 0x1303: return tls_suite{aead_cipher::chacha20_poly1305, tls_digest::sha256};
    default: return {};
  }
}

record_keys::record_keys(tls_suite suite, const_bytes secret, std::uint64_t records, aead_key::use how)
    : suite_(suite),
      use_(how),
      secret_([&] {
        assert(secret.size() == digest_size(suite.digest));
        std::array<std::byte, digest_size(tls_digest::sha384)> copy{};
        std::copy(secret.begin(), secret.end(), copy.begin());
        return copy;
      }()),
      key_(make_key()),
      records_(records) {}

record_keys::~record_keys() { OPENSSL_cleanse(secret_.data(), secret_.size()); }

aead_key record_keys::make_key() {
  const const_bytes secret = const_bytes(secret_).first(digest_size(suite_.digest));
  struct cleansed {
    ~cleansed() { OPENSSL_cleanse(octets.data(), octets.size()); }
    std::array<std::byte, 32> octets{};
  } key;
  const bytes used = bytes(key.octets).first(aead_key_size(suite_.cipher));
  expand_label(suite_.digest, secret, "key", used);
  expand_label(suite_.digest, secret, "iv", iv_);
  return aead_key(suite_.cipher, used, use_);
}

void record_keys::update() {
  const bytes secret = bytes(secret_).first(digest_size(suite_.digest));
  std::array<std::byte, digest_size(tls_digest::sha384)> next{};
  expand_label(suite_.digest, secret, "traffic upd", bytes(next).first(secret.size()));
  secret_ = next;
  OPENSSL_cleanse(next.data(), next.size());
  key_ = make_key();
  records_ = 0;
}

record_keys::nonce record_keys::next_nonce() noexcept {
  nonce out = iv_;
  const std::uint64_t number = records_++;
  for (std::size_t i = 0; i < 8; ++i) out[aead_nonce - 1 - i] ^= static_cast<std::byte>(number >> (8 * i));
  return out;
}

std::size_t record_keys::seal(record_type type, std::span<const const_bytes> text, std::size_t size,
                              std::byte* to) {
  const std::array<std::byte, 1> last{static_cast<std::byte>(type)};
  const auto head = record_head(size + last.size() + aead_tag);
  std::copy(head.begin(), head.end(), to);
  key_.begin(next_nonce(), head);
  std::byte* at = to + head.size();
  for (const const_bytes part : text) {
    key_.pass(part, at);
    at += part.size();
  }
  assert(at == to + head.size() + size);
  key_.pass(last, at);
  key_.finish(at + last.size());
  return size + record_overhead;
}

// The type is the last byte that is not zero.
std::optional<record_keys::opened> record_keys::open(const_bytes record, std::byte* to) {
  assert(record.size() >= record_overhead);
  const const_bytes sealed = record.subspan(record_header);
  const std::size_t size = record.size() - record_overhead;
  std::array<std::byte, 1> last{};
  key_.begin(next_nonce(), record.first(record_header));
  key_.pass(sealed.first(size), to);
  key_.pass(sealed.subspan(size, last.size()), last.data());
  if (!key_.is_authentic(sealed.subspan(size + last.size()))) return {};
  if (last.front() != std::byte{}) return opened{std::to_integer<std::uint8_t>(last.front()), size};
  const bytes text(to, size);
  const auto type = std::find_if(text.rbegin(), text.rend(), [](std::byte b) { return b != std::byte{}; });
  if (type == text.rend()) return opened{};
  return opened{std::to_integer<std::uint8_t>(*type), static_cast<std::size_t>(text.rend() - type) - 1};
}

}  // namespace muxpro::proxy
