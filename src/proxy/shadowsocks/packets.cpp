#include "proxy/shadowsocks/packets.hpp"

#include "proxy/base/byte_reader.hpp"
#include "proxy/socks/wire.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace muxpro::proxy {

namespace {

using cipher_use = sealing_key::use;

/// Where the nonce of a packet lies in its header (SIP022 section 3.2.1).
constexpr std::size_t nonce_in_block = 4;
constexpr std::array<std::byte, longest_nonce> zero_nonce{};

packet_block difference(packet_block a, const_bytes b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] ^= b[i];
  return a;
}

packet_number number_in(const_bytes block) {
  byte_reader r(block);
  packet_number out;
  out.session = r.number(8);
  out.packet = r.number(8);
  return out;
}

std::vector<std::byte> salt_of_session(std::uint64_t session) {
  std::vector<std::byte> out;
  append_number(out, session, 8);
  return out;
}

void append_sealed(std::vector<std::byte>& out, sealing_key& by, const_bytes nonce, const_bytes text) {
  const std::size_t had = out.size();
  out.resize(had + text.size() + aead_tag);
  by.seal(nonce, text, out.data() + had);
}

std::optional<bytes> opened_in_place(sealing_key& by, const_bytes nonce, bytes sealed) noexcept {
  if (!by.open(nonce, sealed, sealed.data())) return std::nullopt;
  return sealed.first(sealed.size() - aead_tag);
}

shadowsocks_key packet_key(const shadowsocks_method& m, const_bytes key, std::uint64_t session) {
  if (!m.has_blocks()) return {key.begin(), key.end()};
  return session_key(m, key, salt_of_session(session));
}

}  // namespace

std::optional<opened_packet> read_packet_text(const_bytes text) {
  byte_reader r(text);
  auto where = read_socks_address(r);
  const const_bytes payload = r.rest();
  if (!r.good() || !where || !where->host.valid() || where->port == 0) return std::nullopt;
  return opened_packet{*std::move(where), payload};
}

// --- SIP004

void seal_packet(std::vector<std::byte>& out, const shadowsocks_method& m, const_bytes key, const_bytes salt,
                 const_bytes text) {
  sealing_key cipher(m.cipher, cipher_use::to_seal, session_key(m, key, salt));
  append_bytes(out, salt);
  append_sealed(out, cipher, const_bytes(zero_nonce).first(nonce_size(m.cipher)), text);
}

bool open_packet(std::vector<std::byte>& text, const shadowsocks_method& m, const_bytes key,
                 const_bytes packet) {
  if (packet.size() < m.key_size + aead_tag) return false;
  const const_bytes sealed = packet.subspan(m.key_size);
  sealing_key cipher(m.cipher, cipher_use::to_open, session_key(m, key, packet.first(m.key_size)));
  text.resize(sealed.size());
  const bool authentic =
      cipher.open(const_bytes(zero_nonce).first(nonce_size(m.cipher)), sealed, text.data());
  text.resize(sealed.size() - aead_tag);
  return authentic;
}

// --- SIP022

packet_block block_of(packet_number n) {
  std::vector<std::byte> all;
  append_number(all, n.session, 8);
  append_number(all, n.packet, 8);
  packet_block out{};
  std::copy(all.begin(), all.end(), out.begin());
  return out;
}

packet_headers::packet_headers(const shadowsocks_method& m, const_bytes key) {
  if (m.has_blocks())
    blocks_.emplace(cipher_use::to_open, key);
  else
    cipher_.emplace(m.datagram_cipher, cipher_use::to_open, key);
}

std::optional<packet_headers::opened> packet_headers::open(bytes packet) {
  if (blocks_) {
    if (packet.size() < sizeof(packet_block)) return std::nullopt;
    const packet_block header = blocks_->of(packet.first(sizeof(packet_block)));
    return opened{number_in(header), packet.subspan(header.size())};
  }
  if (packet.size() < longest_nonce) return std::nullopt;
  const auto text = opened_in_place(*cipher_, packet.first(longest_nonce), packet.subspan(longest_nonce));
  if (!text || text->size() < sizeof(packet_block)) return std::nullopt;
  return opened{number_in(*text), text->subspan(sizeof(packet_block))};
}

std::optional<key_identity> packet_headers::take_identity(opened& p) {
  if (!blocks_ || p.rest.size() < identity_size) return std::nullopt;
  const packet_block header = blocks_->of(p.rest.first(identity_size));
  p.rest = p.rest.subspan(identity_size);
  return difference(header, block_of(p.number));
}

packet_receiver::packet_receiver(const shadowsocks_method& m, const_bytes key, std::uint64_t session) {
  if (m.has_blocks()) cipher_.emplace(m.datagram_cipher, cipher_use::to_open, packet_key(m, key, session));
}

std::optional<const_bytes> packet_receiver::open(const packet_headers::opened& p) noexcept {
  if (!received_.is_new(p.number.packet)) return std::nullopt;
  if (!cipher_) return p.rest;
  const packet_block header = block_of(p.number);
  return opened_in_place(*cipher_, const_bytes(header).subspan(nonce_in_block), p.rest);
}

packet_sender::packet_sender(const shadowsocks_method& m, std::vector<shadowsocks_key> keys,
                             std::uint64_t session)
    : keys_(std::move(keys)),
      cipher_(m.datagram_cipher, cipher_use::to_seal, packet_key(m, keys_.back(), session)),
      next_{session, 0} {
  if (!m.has_blocks()) return;
  blocks_.emplace_back(cipher_use::to_seal, keys_.front());
  for (std::size_t i = 1; i + 1 < keys_.size(); ++i) blocks_.emplace_back(cipher_use::to_seal, keys_[i]);
}

void packet_sender::seal(std::vector<std::byte>& out, const_bytes text) {
  if (blocks_.empty()) {
    const auto nonce = random_bytes(longest_nonce);
    std::vector<std::byte> numbered;
    append_bytes(numbered, block_of(next_));
    append_bytes(numbered, text);
    append_bytes(out, nonce);
    append_sealed(out, cipher_, nonce, numbered);
  } else {
    seal_behind_blocks(out, text);
  }
  ++next_.packet;
}

void packet_sender::seal_behind_blocks(std::vector<std::byte>& out, const_bytes text) {
  const packet_block header = block_of(next_);
  append_bytes(out, blocks_.front().of(header));
  for (std::size_t i = 1; i < keys_.size(); ++i)
    append_bytes(out, blocks_[i - 1].of(difference(identity_of(keys_[i]), header)));
  append_sealed(out, cipher_, const_bytes(header).subspan(nonce_in_block), text);
}

std::optional<packet_head> read_packet_head(const_bytes text, shadowsocks_message type, unix_time now) {
  byte_reader r(text);
  packet_head out;
  const bool expected = static_cast<shadowsocks_message>(r.number(1)) == type;
  const std::uint64_t sent = r.number(8);
  if (type == shadowsocks_message::response) out.client_session = r.number(8);
  r.counted(2);
  out.rest = r.rest();
  if (!r.good() || !expected) return std::nullopt;
  out.late = clock_mistake(sent, now);
  return out;
}

std::uint64_t new_packet_session() {
  const auto drawn = random_bytes(8);
  return byte_reader(drawn).number(8);
}

}  // namespace muxpro::proxy
