// Shadowsocks servers refuse every client without a key, any cut of a request gives the same result, and
// a user may send any bytes. The first byte chooses what reads, the second one the method.
#include "fuzz.hpp"

#include "proxy/base/byte_reader.hpp"
#include "proxy/shadowsocks/packet_server.hpp"
#include "proxy/shadowsocks/packet_user.hpp"
#include "proxy/shadowsocks/server.hpp"
#include "proxy/shadowsocks/stream.hpp"

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace shadowsocks_fuzz {

using namespace fuzz;
using namespace muxpro;
using namespace muxpro::proxy;

namespace {

const unix_time when{std::chrono::seconds(1'700'000'000)};
const asio::ip::address somewhere = asio::ip::make_address("192.0.2.1");

const shadowsocks_method& method_of(std::byte b) {
  constexpr std::array<std::string_view, 5> names{"aes-128-gcm", "xchacha20-ietf-poly1305",
                                                  "2022-blake3-aes-128-gcm", "2022-blake3-aes-256-gcm",
                                                  "2022-blake3-chacha20-poly1305"};
  return *find_shadowsocks_method(names[std::to_integer<std::size_t>(b) % names.size()]);
}

shadowsocks_client user_of(const shadowsocks_method& m) {
  shadowsocks_client who;
  who.method = &m;
  who.keys = {shadowsocks_key(m.key_size, std::byte{7})};
  return who;
}

std::shared_ptr<const shadowsocks_server> server_of(const shadowsocks_method& m) {
  accounts users;
  users.add_tried(user_account(), std::string(as_text(user_of(m).key())));
  return std::make_shared<const shadowsocks_server>(m, users);
}

void read_as_stranger(const shadowsocks_method& m, const_bytes in) {
  const auto server = server_of(m);
  shadowsocks_handshake h(*server, somewhere);
  must(h.next(in, when).what != request_head::status::request, "a stranger has no request");
  packet_server packets(server);
  std::vector<std::byte> packet(in.begin(), in.end());
  std::string mistake;
  must(!packets.open(packet, somewhere, when, mistake), "a stranger has no packet");
}

// The text of a user's chunk is anything.
void read_as_user(const shadowsocks_method& m, const_bytes text) {
  const shadowsocks_key key = user_of(m).key();
  std::vector<std::byte> wire(m.key_size, std::byte{1});
  sealing_sequence seals(m.cipher, sealing_key::use::to_seal, session_key(m, key, wire));
  text = text.first(std::min<std::size_t>(text.size(), 60'000));
  std::vector<std::byte> front;
  if (m.of_2022) append_message_head(front, shadowsocks_message::request, when);
  append_number(front, text.size(), 2);
  for (const const_bytes unit : {const_bytes(front), text}) {
    const std::size_t had = wire.size();
    wire.resize(had + unit.size() + aead_tag);
    seals.seal(unit, wire.data() + had);
  }
  const auto whole_server = server_of(m), cut_server = server_of(m);
  shadowsocks_handshake whole(*whole_server, somewhere), cut(*cut_server, somewhere);
  const request_head expected = whole.next(wire, when);
  request_head got;
  std::vector<std::byte> received;
  for (std::size_t i = 0; i < wire.size() && got.what == request_head::status::need_more; ++i) {
    received.push_back(wire[i]);
    got = cut.next(received, when);
    received.erase(received.begin(), received.begin() + static_cast<std::ptrdiff_t>(got.consumed));
  }
  must(got.what == expected.what && got.target == expected.target, "any cut of the input gives the same");
  if (expected.what == request_head::status::request)
    must(expected.target.host.valid() && expected.target.port != 0, "a request has a target");
}

// The server's answer is anything.
void read_answer(const shadowsocks_method& m, const_bytes in) {
  const chunk_codecs codecs =
      shadowsocks_request(user_of(m), {network::tcp, "a.example", 80}, [] { return when; });
  std::error_code ec;
  std::vector<std::byte> room(max_chunk_piece);
  while (!ec && in.size() >= codecs.opener->size()) {
    const const_bytes piece = in.first(codecs.opener->size());
    in = in.subspan(piece.size());
    must(codecs.opener->open(piece, room.data(), ec) == 0, "a stranger has no text");
  }
}

}  // namespace
}  // namespace shadowsocks_fuzz

FUZZ_TARGET(fuzz_shadowsocks) {
  using namespace shadowsocks_fuzz;
  if (in.size() < 2) return;
  const shadowsocks_method& m = method_of(in[1]);
  const const_bytes rest = in.subspan(2);
  switch (std::to_integer<unsigned>(in[0]) % 3) {
    case 0: return read_as_stranger(m, rest);
    case 1: return read_as_user(m, rest);
    default: read_answer(m, rest);
  }
}
