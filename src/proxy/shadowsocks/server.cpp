#include "proxy/shadowsocks/server.hpp"

#include "proxy/base/byte_reader.hpp"
#include "proxy/shadowsocks/message.hpp"
#include "proxy/socks/wire.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace muxpro::proxy {

namespace {

constexpr std::size_t length_size = 2;

/// The size that a sealed length has.
constexpr std::size_t sealed(std::size_t text) { return text + aead_tag; }

}  // namespace

std::optional<accounts::tried_user> shadowsocks_server::named(
    const std::optional<key_identity>& identity) const {
  const auto all = users.tried();
  const auto is_named = [&](const accounts::tried_user& u) {
    return !identity || identity_of(std::as_bytes(std::span(u.key))) == *identity;
  };
  const auto found = std::find_if(all->begin(), all->end(), is_named);
  if (found == all->end()) return std::nullopt;
  return *found;
}

shadowsocks_handshake::shadowsocks_handshake(const shadowsocks_server& at, asio::ip::address source)
    : at_(at), source_(std::move(source)) {}

std::size_t shadowsocks_handshake::size_of_next() const noexcept {
  const shadowsocks_method& m = at_.method;
  switch (next_) {
    case piece::beginning:
      if (!m.of_2022) return m.key_size + sealed(length_size);
      return m.key_size + (at_.identities.empty() ? 0 : identity_size) + sealed(shadowsocks_fixed_head);
    case piece::size: return sealed(length_size);
    case piece::text:
    case piece::head: break;
  }
  return sealed(size_);
}

request_head shadowsocks_handshake::next(const_bytes received, unix_time now) {
  std::size_t consumed = 0;
  while (received.size() - consumed >= size_of_next()) {
    const const_bytes in = received.subspan(consumed, size_of_next());
    consumed += in.size();
    result r = take(in, now);
    if (!r) continue;
    r->consumed = consumed;
    return *std::move(r);
  }
  request_head more;
  more.consumed = consumed;
  return more;
}

shadowsocks_handshake::result shadowsocks_handshake::take(const_bytes in, unix_time now) {
  std::array<std::byte, length_size> length{};
  switch (next_) {
    case piece::beginning: return at_.method.of_2022 ? begin_of_2022(in, now) : begin(in, now);
    case piece::text: return add_text(in);
    case piece::head: return read_head(in);
    case piece::size: break;
  }
  if (!opener_->open(in, length.data())) return refuse("A length of the request is not authentic.");
  size_ = byte_reader(length).size(length_size);
  next_ = piece::text;
  return std::nullopt;
}

// Its salt is remembered when its sender has proved to have a key. Others cannot fill the set.
shadowsocks_handshake::result shadowsocks_handshake::begin(const_bytes in, unix_time now) {
  std::array<std::byte, length_size> length{};
  salt_.assign(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(at_.method.key_size));
  if (!find_user(in.subspan(salt_.size()), length.data())) return request_head::of_stranger();
  if (!at_.salts.first_time(salt_, now)) return refuse("The salt was used before: the request is a replay.");
  size_ = byte_reader(length).size(length_size);
  next_ = piece::text;
  return std::nullopt;
}

shadowsocks_handshake::result shadowsocks_handshake::begin_of_2022(const_bytes in, unix_time now) {
  std::array<std::byte, shadowsocks_fixed_head> fixed{};
  const const_bytes sealed_head = in.last(sealed(fixed.size()));
  salt_.assign(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(at_.method.key_size));
  const const_bytes header = in.subspan(salt_.size(), in.size() - salt_.size() - sealed_head.size());
  if (!find_user_of_2022(header, sealed_head, fixed.data())) return request_head::of_stranger();
  byte_reader r(fixed);
  if (static_cast<shadowsocks_message>(r.number(1)) != shadowsocks_message::request)
    return refuse("The message is not a request.");
  late_ = clock_mistake(r.number(8), now);
  if (!late_.empty()) return refuse(late_.c_str());
  if (!at_.salts.first_time(salt_, now)) return refuse("The salt was used before: the request is a replay.");
  size_ = r.size(length_size);
  next_ = piece::head;
  return std::nullopt;
}

bool shadowsocks_handshake::opens(const_bytes key, const_bytes in, std::byte* text) {
  sealing_sequence sequence(at_.method.cipher, sealing_key::use::to_open,
                            session_key(at_.method, key, salt_));
  if (!sequence.open(in, text)) return false;
  key_.assign(key.begin(), key.end());
  opener_ = std::move(sequence);
  return true;
}

bool shadowsocks_handshake::find_user(const_bytes in, std::byte* text) {
  auto found = at_.by_source.find(
      source_, [&](const std::string& key) { return opens(std::as_bytes(std::span(key)), in, text); });
  if (found) account_ = std::move(found->user);
  return found.has_value();
}

bool shadowsocks_handshake::find_user_of_2022(const_bytes header, const_bytes in, std::byte* text) {
  std::optional<key_identity> identity;
  if (!header.empty()) {
    aes_blocks opens_header(sealing_key::use::to_open, identity_key(at_.identities, salt_));
    identity = opens_header.of(header);
  }
  auto found = at_.named(identity);
  if (!found || !opens(std::as_bytes(std::span(found->key)), in, text)) return false;
  account_ = std::move(found->user);
  return true;
}

// The target may lie in several chunks.
shadowsocks_handshake::result shadowsocks_handshake::add_text(const_bytes in) {
  const std::size_t had = text_.size();
  text_.resize(had + in.size());
  const bool authentic = opener_->open(in, text_.data() + had);
  text_.resize(had + size_);
  if (!authentic) return refuse("A chunk of the request is not authentic.");
  byte_reader r(text_, max_socks_address);
  const auto where = read_socks_address(r);
  next_ = piece::size;
  if (r.missing()) return std::nullopt;
  text_.erase(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(r.position()));
  return request(where);
}

shadowsocks_handshake::result shadowsocks_handshake::read_head(const_bytes in) {
  std::vector<std::byte> head(in.size());
  if (!opener_->open(in, head.data())) return refuse("The head of the request is not authentic.");
  head.resize(size_);
  byte_reader r(head);
  const auto where = read_socks_address(r);
  const const_bytes padding = r.counted(2), rest = r.rest();
  if (!r.good()) return refuse("The head of the request is broken.");
  // SIP022 section 3.1.3.
  if (padding.empty() && rest.empty()) return refuse("The request has neither data nor padding.");
  text_.assign(rest.begin(), rest.end());
  return request(where);
}

request_head shadowsocks_handshake::request(const std::optional<host_port>& where) const {
  if (!where || !where->host.valid() || where->port == 0) return refuse("The request has no valid target.");
  return request_head::of(account_, {network::tcp, where->host, where->port}, 0);
}

}  // namespace muxpro::proxy
