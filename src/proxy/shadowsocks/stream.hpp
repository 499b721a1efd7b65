// The bytes of a connection as both sides seal and open them. Ring 4, a rule without clock.
//   SIP004, each direction: salt | { sealed u16 length | sealed text }
//   SIP022, a request:      salt | identity headers | sealed: u8 0, u64 time, u16 length | sealed: target,
//   u16
//                           length, padding, first text | { sealed u16 length | sealed text }
//           a response:     salt | sealed: u8 1, u64 time, salt of the request, u16 length | sealed first
//           text
//                           | { sealed u16 length | sealed text }
// The first text of a request of SIP004 begins with the target.
#pragma once

#include "proxy/base/chunk_codec.hpp"
#include "proxy/shadowsocks/cipher.hpp"
#include "proxy/shadowsocks/clock.hpp"
#include "proxy/shadowsocks/keys.hpp"
#include "proxy/shadowsocks/method.hpp"

#include <muxpro/codec.hpp>
#include <muxpro/destination.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// The longest text of a chunk (SIP004).
inline constexpr std::size_t most_shadowsocks_text = 0x3fff;

/// Reads the wall clock.
using read_unix_time = std::function<unix_time()>;

/// The sender of a request.
struct shadowsocks_client {
  const shadowsocks_method* method = nullptr;
  /// The keys of servers on the way, whose identity headers go in front, and then the user's own key.
  std::vector<shadowsocks_key> keys;

  const shadowsocks_key& key() const { return keys.back(); }
};

/// Seals one direction. Derived classes have a head, which goes with the first text.
class shadowsocks_sealer : public chunk_sealer {
 public:
  explicit shadowsocks_sealer(sealing_sequence s) : sequence_(std::move(s)) {}

  std::size_t most() const noexcept override { return most_shadowsocks_text; }
  std::size_t overhead() const noexcept override { return 2 + 2 * aead_tag; }
  chunk seal(const_bytes text, std::byte* to) override;
  /// The stream below has to end.
  std::size_t end(std::byte*) override { return 0; }

 protected:
  /// A length and its text.
  std::size_t seal_chunk(const_bytes text, std::byte* to);
  std::size_t seal_unit(const_bytes text, std::byte* to) { return sequence_.seal(text, to); }

 private:
  sealing_sequence sequence_;
};

class shadowsocks_request_sealer final : public shadowsocks_sealer {
 public:
  /// The host of `target` must be valid. `salt` is a new one.
  shadowsocks_request_sealer(const shadowsocks_client& who, const destination& target,
                             std::vector<std::byte> salt, read_unix_time now);

  std::size_t most() const noexcept override;
  std::size_t overhead() const noexcept override;
  std::size_t begin(std::byte* to) override { return seal({}, to).size; }
  chunk seal(const_bytes text, std::byte* to) override;

 private:
  std::size_t seal_head_of_2022(const_bytes text, std::byte* to);

  const bool of_2022_;
  std::vector<std::byte> front_;    ///< salt and identity headers, until they were sent
  std::vector<std::byte> address_;  ///< of the target
  const read_unix_time now_;
};

class shadowsocks_response_sealer final : public shadowsocks_sealer {
 public:
  /// `request_salt` is that of the request. `salt` is a new one.
  shadowsocks_response_sealer(const shadowsocks_method& method, const_bytes key,
                              std::vector<std::byte> request_salt, std::vector<std::byte> salt,
                              read_unix_time now);

  std::size_t overhead() const noexcept override;
  chunk seal(const_bytes text, std::byte* to) override;

 private:
  const bool of_2022_;
  std::vector<std::byte> request_salt_;
  std::vector<std::byte> front_;  ///< the salt, until it was sent
  const read_unix_time now_;
};

/// Opens what follows a request or the head of a response.
class shadowsocks_opener : public chunk_opener {
 public:
  explicit shadowsocks_opener(std::optional<sealing_sequence> s) : sequence_(std::move(s)) {}

  std::size_t size() const noexcept override { return (length_ ? *length_ : 2) + aead_tag; }
  std::size_t text() const noexcept override { return length_.value_or(0); }
  std::size_t open(const_bytes piece, std::byte* to, std::error_code& ec) override;
  bool may_end() const noexcept override { return !length_; }

 protected:
  std::optional<sealing_sequence> sequence_;
  std::optional<std::size_t> length_;  ///< of the text that comes next
};

/// Opens the answer to a request.
class shadowsocks_response_opener final : public shadowsocks_opener {
 public:
  /// `request_salt` is that of the request. open() reports errc::bad_answer or clock_error() about the head.
  shadowsocks_response_opener(const shadowsocks_client& who, std::vector<std::byte> request_salt,
                              read_unix_time now);

  std::size_t size() const noexcept override;
  std::size_t text() const noexcept override;
  std::size_t open(const_bytes piece, std::byte* to, std::error_code& ec) override;
  bool may_end() const noexcept override;

 private:
  std::error_code begin(const_bytes piece);

  const shadowsocks_method& method_;
  const shadowsocks_key key_;
  const std::vector<std::byte> request_salt_;
  const read_unix_time now_;
};

/// Both directions of a new request. Throws std::runtime_error if libcrypto fails.
chunk_codecs shadowsocks_request(const shadowsocks_client& who, const destination& target,
                                 read_unix_time now);

}  // namespace muxpro::proxy
