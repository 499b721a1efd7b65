#include "proxy/sniff/client_hello.hpp"

#include "proxy/base/byte_reader.hpp"
#include "proxy/base/host_name.hpp"
#include "proxy/sniff/tls.hpp"

namespace muxpro::proxy {

namespace {

constexpr std::size_t message_header = 4;
constexpr std::uint64_t client_hello = 1, server_name = 0, host_name = 0;

hello_clue clue_of(const byte_reader& in) {
  return {in.missing() ? sniff_status::need_more : sniff_status::no_clue, {}};
}

std::string name_in(const_bytes extension) {
  byte_reader outer(extension);
  byte_reader list(outer.counted(2));
  while (list.left() > 0) {
    const bool is_host = list.number(1) == host_name;
    const const_bytes name = list.counted(2);
    if (is_host) return list.good() ? canonical_host(as_text(name)).value_or("") : "";
  }
  return {};
}

// All in front of the extensions.
void pass_over_head(byte_reader& in) {
  in.take(message_header);
  in.take(2 + 32);  // legacy_version, random
  in.counted(1);    // legacy_session_id
  in.counted(2);    // cipher_suites
  in.counted(1);    // legacy_compression_methods
}

hello_clue find_name(byte_reader& in) {
  if (in.left() > 0) {
    const std::size_t length = in.size(2);
    if (in.good() && length != in.left()) return {};
  }
  for (std::size_t n = 0; in.left() > 0; ++n) {
    if (n == max_hello_extensions) return {};
    const bool is_name = in.number(2) == server_name;
    const const_bytes body = in.counted(2);
    if (is_name && in.good()) return {sniff_status::found, name_in(body)};
  }
  return in.good() ? hello_clue{sniff_status::found, {}} : clue_of(in);
}

}  // namespace

hello_clue read_client_hello(const_bytes handshake) {
  byte_reader header(handshake, message_header);
  const auto type = header.number(1);
  if (header.good() && type != client_hello) return {};
  const std::size_t length = header.size(3);
  if (!header.good()) return clue_of(header);

  byte_reader in(handshake, message_header + length);
  pass_over_head(in);
  if (!in.good()) return clue_of(in);
  return find_name(in);
}

}  // namespace muxpro::proxy
