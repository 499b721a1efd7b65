#include "proxy/reality/client_hello.hpp"

#include "proxy/base/byte_reader.hpp"

#include <algorithm>

namespace muxpro::proxy {

namespace {

// RFC 8446 sections 4, 4.2 and 5.1.
constexpr std::uint64_t handshake_type = 22, client_hello_type = 1, x25519_group = 0x001d, tls13 = 0x0304;
constexpr std::uint64_t server_name_extension = 0, supported_versions_extension = 43,
                        key_share_extension = 51;
constexpr std::size_t message_head = 4, longest_record = 16'384, most_extensions = 256;

/// Takes the record at the beginning of `in`, as far as it has come. Returns nothing if it is no handshake
/// record.
std::optional<const_bytes> take_handshake_record(const_bytes& in, bool& whole) {
  whole = false;
  byte_reader r(in);
  const std::uint64_t type = r.number(1);
  if (r.good() && type != handshake_type) return std::nullopt;
  const std::uint64_t major = r.number(1);
  if (r.good() && major != 3) return std::nullopt;
  r.take(1);
  const std::size_t size = r.size(2);
  if (r.good() && (size == 0 || size > longest_record)) return std::nullopt;
  if (!r.good()) return in = {}, const_bytes();
  const const_bytes behind = in.subspan(r.position());
  const const_bytes content = behind.first(std::min(size, behind.size()));
  in = behind.subspan(content.size());
  whole = content.size() == size;
  return content;
}

/// Returns the size of the message, or 0 if its head has not come. Returns nothing if it is no ClientHello,
/// or too long.
std::optional<std::size_t> size_of_message(const_bytes message) {
  if (message.empty()) return 0;
  byte_reader r(message);
  if (r.number(1) != client_hello_type) return std::nullopt;
  const std::size_t size = message_head + r.size(3);
  if (!r.good()) return 0;
  if (size > max_reality_hello) return std::nullopt;
  return size;
}

std::string name_of(const_bytes extension) {
  byte_reader outer(extension);
  byte_reader list(outer.counted(2));
  while (list.left() > 0) {
    const bool is_host = list.number(1) == 0;
    const const_bytes name = list.counted(2);
    if (is_host && list.good()) return std::string(as_text(name));
  }
  return {};
}

bool offers_tls13(const_bytes extension) {
  byte_reader outer(extension);
  byte_reader list(outer.counted(1));
  while (list.left() > 0)
    if (list.number(2) == tls13 && list.good()) return true;
  return false;
}

const_bytes x25519_share(const_bytes extension) {
  byte_reader outer(extension);
  byte_reader list(outer.counted(2));
  while (list.left() > 0) {
    const bool is_x25519 = list.number(2) == x25519_group;
    const const_bytes key = list.counted(2);
    if (is_x25519 && list.good() && key.size() == 32) return key;
  }
  return {};
}

bool read_extensions(const_bytes all, reality_hello& to) {
  byte_reader r(all);
  for (std::size_t n = 0; r.left() > 0; ++n) {
    if (n == most_extensions) return false;
    const std::uint64_t type = r.number(2);
    const const_bytes body = r.counted(2);
    if (type == server_name_extension) to.server_name = name_of(body);
    if (type == supported_versions_extension) to.has_tls13 = offers_tls13(body);
    if (type == key_share_extension) to.x25519 = x25519_share(body);
  }
  return r.good();
}

}  // namespace

received_hello read_received_hello(const_bytes received) {
  received_hello out;
  const auto is_none = [&] { return out.what = received_hello::status::none, out.message.clear(), out; };
  bool whole = false;
  while (!received.empty()) {
    const auto content = take_handshake_record(received, whole);
    if (!content) return is_none();
    out.message.insert(out.message.end(), content->begin(), content->end());
    const auto size = size_of_message(out.message);
    if (!size || (*size > 0 && out.message.size() > *size)) return is_none();
    if (*size == 0 || out.message.size() < *size || !whole) continue;
    out.what = received_hello::status::whole;
    return out;
  }
  return out;
}

std::optional<reality_hello> parse_reality_hello(const_bytes message) {
  byte_reader r(message);
  reality_hello out;
  if (r.number(1) != client_hello_type) return std::nullopt;
  if (r.size(3) != message.size() - std::min(message.size(), message_head)) return std::nullopt;
  r.take(2);  // legacy_version
  out.random = r.take(32);
  out.session_id = r.counted(1);
  const std::size_t behind_id = r.position();
  r.counted(2);  // cipher_suites
  r.counted(1);  // legacy_compression_methods
  const const_bytes extensions = r.counted(2);
  const bool whole = r.good() && r.left() == 0 && out.session_id.size() <= session_id_size;
  if (!whole || !read_extensions(extensions, out)) return std::nullopt;
  out.without_session_id.assign(message.begin(), message.end());
  const auto end = out.without_session_id.begin() + static_cast<std::ptrdiff_t>(behind_id);
  std::fill(end - static_cast<std::ptrdiff_t>(out.session_id.size()), end, std::byte{0});
  return out;
}

}  // namespace muxpro::proxy
