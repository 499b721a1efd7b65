#include "proxy/shadowsocks/stream.hpp"

#include "proxy/base/byte_reader.hpp"
#include "proxy/shadowsocks/bytes_out.hpp"
#include "proxy/shadowsocks/message.hpp"
#include "proxy/socks/wire.hpp"

#include <muxpro/error.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace muxpro::proxy {

namespace {

constexpr std::size_t length_field = 2;

/// The header that shows the server with the key `shown_by` the key `next`.
aes_blocks::block identity_header(const_bytes shown_by, const_bytes next, const_bytes salt) {
  aes_blocks seals(sealing_key::use::to_seal, identity_key(shown_by, salt));
  return seals.of(identity_of(next));
}

sealing_sequence sequence_of(const shadowsocks_method& m, sealing_key::use as, const_bytes key,
                             const_bytes salt) {
  return sealing_sequence(m.cipher, as, session_key(m, key, salt));
}

}  // namespace

// --- sealing

std::size_t shadowsocks_sealer::seal_chunk(const_bytes text, std::byte* to) {
  const std::array<std::byte, length_field> length{static_cast<std::byte>(text.size() >> 8U),
                                                   static_cast<std::byte>(text.size())};
  const std::size_t size = seal_unit(length, to);
  return size + seal_unit(text, to + size);
}

chunk_sealer::chunk shadowsocks_sealer::seal(const_bytes text, std::byte* to) {
  text = text.first(std::min(text.size(), most_shadowsocks_text));
  return {text.size(), seal_chunk(text, to)};
}

shadowsocks_request_sealer::shadowsocks_request_sealer(const shadowsocks_client& who,
                                                       const destination& target, std::vector<std::byte> salt,
                                                       read_unix_time now)
    : shadowsocks_sealer(sequence_of(*who.method, sealing_key::use::to_seal, who.key(), salt)),
      of_2022_(who.method->of_2022),
      front_(salt),
      now_(std::move(now)) {
  for (std::size_t i = 1; i < who.keys.size(); ++i)
    append_bytes(front_, identity_header(who.keys[i - 1], who.keys[i], salt));
  append_socks_address(address_, {target.host, target.port});
}

std::size_t shadowsocks_request_sealer::most() const noexcept {
  return front_.empty() || of_2022_ ? most_shadowsocks_text : most_shadowsocks_text - address_.size();
}

std::size_t shadowsocks_request_sealer::overhead() const noexcept {
  if (front_.empty()) return shadowsocks_sealer::overhead();
  const std::size_t head = of_2022_ ? shadowsocks_fixed_head + 2 + most_padding : 0;
  return front_.size() + address_.size() + head + shadowsocks_sealer::overhead();
}

chunk_sealer::chunk shadowsocks_request_sealer::seal(const_bytes text, std::byte* to) {
  if (front_.empty()) return shadowsocks_sealer::seal(text, to);
  text = text.first(std::min(text.size(), most()));
  const std::vector<std::byte> front = std::exchange(front_, {});
  std::copy(front.begin(), front.end(), to);
  std::size_t size = front.size();
  if (of_2022_) {
    size += seal_head_of_2022(text, to + size);
  } else {
    append_bytes(address_, text);
    size += seal_chunk(address_, to + size);
  }
  address_ = std::vector<std::byte>();
  return {text.size(), size};
}

// There must be data or padding. Padding hides how long few data are.
std::size_t shadowsocks_request_sealer::seal_head_of_2022(const_bytes text, std::byte* to) {
  std::size_t padding = 0;
  if (text.size() < most_padding) {
    const auto drawn = random_bytes(2);
    padding = 1 + byte_reader(drawn).size(2) % most_padding;
  }
  std::vector<std::byte> variable = address_, fixed;
  append_number(variable, padding, 2);
  variable.resize(variable.size() + padding);
  append_bytes(variable, text);
  append_message_head(fixed, shadowsocks_message::request, now_());
  append_number(fixed, variable.size(), length_field);
  const std::size_t size = seal_unit(fixed, to);
  return size + seal_unit(variable, to + size);
}

shadowsocks_response_sealer::shadowsocks_response_sealer(const shadowsocks_method& method, const_bytes key,
                                                         std::vector<std::byte> request_salt,
                                                         std::vector<std::byte> salt, read_unix_time now)
    : shadowsocks_sealer(sequence_of(method, sealing_key::use::to_seal, key, salt)),
      of_2022_(method.of_2022),
      request_salt_(std::move(request_salt)),
      front_(std::move(salt)),
      now_(std::move(now)) {}

std::size_t shadowsocks_response_sealer::overhead() const noexcept {
  if (front_.empty()) return shadowsocks_sealer::overhead();
  return front_.size() + shadowsocks_message_head + request_salt_.size() + shadowsocks_sealer::overhead();
}

chunk_sealer::chunk shadowsocks_response_sealer::seal(const_bytes text, std::byte* to) {
  if (front_.empty()) return shadowsocks_sealer::seal(text, to);
  text = text.first(std::min(text.size(), most_shadowsocks_text));
  const std::vector<std::byte> front = std::exchange(front_, {});
  std::copy(front.begin(), front.end(), to);
  const std::size_t size = front.size();
  if (!of_2022_) return {text.size(), size + seal_chunk(text, to + size)};
  std::vector<std::byte> head;
  append_message_head(head, shadowsocks_message::response, now_());
  append_bytes(head, request_salt_);
  append_number(head, text.size(), length_field);
  const std::size_t with_head = size + seal_unit(head, to + size);
  return {text.size(), with_head + seal_unit(text, to + with_head)};
}

// --- opening

std::size_t shadowsocks_opener::open(const_bytes piece, std::byte* to, std::error_code& ec) {
  std::array<std::byte, length_field> field{};
  if (!sequence_->open(piece, length_ ? to : field.data())) {
    ec = make_error_code(end_code::protocol_error);
    return 0;
  }
  if (length_) {
    const std::size_t n = *length_;
    length_.reset();
    return n;
  }
  length_ = byte_reader(field).size(length_field);
  return 0;
}

shadowsocks_response_opener::shadowsocks_response_opener(const shadowsocks_client& who,
                                                         std::vector<std::byte> request_salt,
                                                         read_unix_time now)
    : shadowsocks_opener(std::nullopt),
      method_(*who.method),
      key_(who.key()),
      request_salt_(std::move(request_salt)),
      now_(std::move(now)) {}

std::size_t shadowsocks_response_opener::size() const noexcept {
  if (sequence_) return shadowsocks_opener::size();
  if (!method_.of_2022) return method_.key_size;
  return 2 * method_.key_size + shadowsocks_fixed_head + aead_tag;
}

std::size_t shadowsocks_response_opener::text() const noexcept {
  return sequence_ ? shadowsocks_opener::text() : 0;
}

bool shadowsocks_response_opener::may_end() const noexcept {
  return !sequence_ || shadowsocks_opener::may_end();
}

std::size_t shadowsocks_response_opener::open(const_bytes piece, std::byte* to, std::error_code& ec) {
  if (sequence_) return shadowsocks_opener::open(piece, to, ec);
  const const_bytes salt = piece.first(method_.key_size);
  sequence_ = sequence_of(method_, sealing_key::use::to_open, key_, salt);
  // What this side has sent comes back.
  const bool reflected = std::equal(salt.begin(), salt.end(), request_salt_.begin(), request_salt_.end());
  if (reflected)
    ec = errc::bad_answer;
  else if (method_.of_2022)
    ec = begin(piece.subspan(salt.size()));
  return 0;
}

std::error_code shadowsocks_response_opener::begin(const_bytes piece) {
  std::vector<std::byte> head(piece.size());
  if (!sequence_->open(piece, head.data())) return errc::bad_answer;
  byte_reader r(head);
  const auto type = static_cast<shadowsocks_message>(r.number(1));
  const std::uint64_t sent = r.number(8);
  const const_bytes salt = r.take(request_salt_.size());
  length_ = r.size(length_field);
  if (type != shadowsocks_message::response ||
      !std::equal(salt.begin(), salt.end(), request_salt_.begin(), request_salt_.end()))
    return errc::bad_answer;
  return clock_error(sent, now_());
}

chunk_codecs shadowsocks_request(const shadowsocks_client& who, const destination& target,
                                 read_unix_time now) {
  const std::vector<std::byte> salt = random_bytes(who.method->key_size);
  chunk_codecs out;
  out.sealer = std::make_unique<shadowsocks_request_sealer>(who, target, salt, now);
  out.opener = std::make_unique<shadowsocks_response_opener>(who, salt, std::move(now));
  return out;
}

}  // namespace muxpro::proxy
