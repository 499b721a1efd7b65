#include "proxy/reality/target_flight.hpp"

#include "proxy/base/byte_reader.hpp"

#include <optional>

namespace muxpro::proxy {

namespace {

// RFC 8446 sections 4.1.3, 4.2, 5 and B.4.
constexpr std::uint64_t change_cipher_record = 20, handshake_record_type = 22, data_record = 23;
constexpr std::uint64_t server_hello_type = 2, versions_extension = 43, share_extension = 51;
constexpr std::size_t messages = 4;
/// EncryptedExtensions that are longer have other messages beside them.
constexpr std::size_t longest_alone = 512;

/// Whether a server's share is one of X25519, or of X25519MLKEM768 (draft-ietf-tls-ecdhe-mlkem), which a
/// client of REALITY offers together with X25519. Its sizes are those of the servers.
bool is_known_share(std::uint64_t group, std::size_t size) noexcept {
  return (group == 0x001d && size == 32) || (group == 0x11ec && size == 1120);
}

/// The suite of a ServerHello of TLS 1.3 with such a share, or 0.
std::uint16_t suite_of(const_bytes message) {
  byte_reader r(message);
  const bool is_hello = r.number(1) == server_hello_type;
  r.take(3 + 2 + 32);  // length, legacy_version, random
  r.counted(1);        // legacy_session_id_echo
  const auto suite = static_cast<std::uint16_t>(r.number(2));
  r.take(1);  // legacy_compression_method
  byte_reader extensions(r.counted(2));
  bool is_tls13 = false, has_share = false;
  while (extensions.left() > 0) {
    const std::uint64_t type = extensions.number(2);
    byte_reader body(extensions.counted(2));
    if (type == versions_extension) is_tls13 = body.number(2) == 0x0304;
    if (type != share_extension) continue;
    const std::uint64_t group = body.number(2);
    has_share = is_known_share(group, body.counted(2).size());
  }
  const bool known = suite >= 0x1301 && suite <= 0x1303;
  return r.good() && extensions.good() && is_hello && is_tls13 && has_share && known ? suite : 0;
}

struct record {
  std::uint64_t type = 0;
  const_bytes content;
  std::size_t size = 0;
};
/// Returns nothing if it has not come completely.
std::optional<record> take_record(byte_reader& r) {
  record out;
  const std::size_t from = r.position();
  out.type = r.number(1);
  r.take(2);
  out.content = r.counted(2);
  if (!r.good()) return std::nullopt;
  out.size = r.position() - from;
  return out;
}

}  // namespace

target_flight read_target_flight(const_bytes received) {
  target_flight out;
  byte_reader r(received);
  const auto is_other = [&] { return out.what = target_flight::status::other, out; };
  if (!received.empty() && std::to_integer<std::uint64_t>(received[0]) != handshake_record_type)
    return is_other();
  const auto hello = take_record(r);
  if (!hello) return out;
  out.suite = suite_of(hello->content);
  if (out.suite == 0) return is_other();
  while (const auto next = take_record(r)) {
    if (next->type == change_cipher_record && out.records.empty()) continue;
    if (next->type != data_record || next->size > max_flight_record) return is_other();
    out.records.push_back(next->size);
    if (out.records.size() == messages || out.records.front() > longest_alone) {
      out.what = target_flight::status::whole;
      return out;
    }
  }
  return out;
}

}  // namespace muxpro::proxy
