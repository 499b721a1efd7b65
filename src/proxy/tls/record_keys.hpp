// record_keys: the keys of one direction of a TLS 1.3 connection whose handshake is over, and the records
// that they seal or open (RFC 8446 sections 5.2, 5.3, 7.2 and 7.3). Ring 4, a rule.
#pragma once

#include "proxy/base/aead.hpp"
#include "proxy/base/expand_label.hpp"
#include "proxy/tls/record.hpp"

#include <muxpro/codec.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace muxpro::proxy {

/// The bytes that seal() adds to a text.
constexpr std::size_t record_overhead = record_header + 1 + aead_tag;

struct tls_suite {
  aead_cipher cipher;
  tls_digest digest;
};
/// `number` is as in ServerHello (RFC 8446 section B.4). Returns no value for other suites.
std::optional<tls_suite> find_tls_suite(std::uint32_t number) noexcept;

/// Not shared by threads. All functions that seal, open or change keys throw std::runtime_error if libcrypto
/// fails.
class record_keys {
 public:
  /// `secret` is client_application_traffic_secret_0 or the server's, of digest_size() bytes. `records` is
  /// the number of records that it has protected already.
  record_keys(tls_suite suite, const_bytes secret, std::uint64_t records, aead_key::use how);
  record_keys(const record_keys&) = delete;
  ~record_keys();

  /// Writes the record of a text, which is in pieces, to `to`. `size` is the sum of all pieces, record_text
  /// at most. Returns the size of the record.
  std::size_t seal(record_type type, std::span<const const_bytes> text, std::size_t size, std::byte* to);

  struct opened {
    std::uint8_t type = 0;  ///< 0 if there is no type
    std::size_t text = 0;
  };
  /// `record` is a whole one with at least record_overhead bytes. Its text and padding go to `to`, which has
  /// room for all but record_overhead of its bytes, and may be the place behind its own head. Returns no
  /// value if the record is not authentic. What was written must not be used then.
  std::optional<opened> open(const_bytes record, std::byte* to);

  /// The next record has new keys (RFC 8446 section 7.2).
  void update();
  /// The keys have protected so many records that they have to be changed (RFC 8446 section 5.5).
  bool are_used_up() const noexcept { return records_ >= most_records; }

 private:
  static constexpr std::uint64_t most_records = 1 << 24;
  using nonce = std::array<std::byte, aead_nonce>;

  aead_key make_key();
  nonce next_nonce() noexcept;

  const tls_suite suite_;
  const aead_key::use use_;
  std::array<std::byte, digest_size(tls_digest::sha384)> secret_{};
  nonce iv_{};
  aead_key key_;
  std::uint64_t records_;
};

}  // namespace muxpro::proxy
