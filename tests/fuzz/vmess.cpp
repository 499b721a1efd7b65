// VMess: any cut of a request gives the same, no head that is not authentic is read, what was read, written
// again, reads the same; a chunk reader consumes the bytes that it reports, and sealed data are opened.
// The first byte chooses what reads; see seed.py for the rest.
#include "fuzz.hpp"

#include "proxy/base/aead.hpp"
#include "proxy/vmess/body.hpp"
#include "proxy/vmess/kdf.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace vmess_fuzz {

using namespace fuzz;
using namespace muxpro;
using namespace muxpro::proxy;

namespace {

const vmess_user alice(*parse_uuid("alice"));

bool same(const request_head& a, const request_head& b) {
  return a.what == b.what && a.consumed == b.consumed && a.user == b.user && a.target == b.target &&
         std::string_view(a.reason) == b.reason;
}

void read_request(const_bytes in) {
  const request_head whole = read_vmess_request(in, alice).head;
  bool decided = false;
  for (std::size_t n = 0; n <= in.size() && n <= max_vmess_request; ++n) {
    const byte_string prefix(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(n));
    const request_head h = read_vmess_request(prefix, alice).head;
    const bool waits = h.what == request_head::status::need_more;
    must(waits ? !decided : same(h, whole), "any cut of the input gives the same");
    must(!waits || n < max_vmess_request, "a request needs no more than its longest form");
    decided = !waits;
  }
}

byte_string sealed(const_bytes text, std::string_view key, std::string_view nonce, const vmess_block& id,
                   const_bytes random) {
  const auto k = vmess_kdf(alice.command_key, {bytes_of(key), id, random});
  const auto n = vmess_kdf(alice.command_key, {bytes_of(nonce), id, random});
  byte_string out(text.size() + aead_tag);
  aead_key(aead_cipher::aes_128_gcm, const_bytes(k).first(16), aead_key::use::to_seal)
      .seal(const_bytes(n).first(aead_nonce), text, out.data(), id);
  return out;
}

/// `head` as a user would send it.
byte_string request_of(const_bytes head) {
  const vmess_block id = seal_auth_id(alice, 0, 0);
  const std::array<std::byte, 8> random{};
  const std::array<std::byte, 2> length{static_cast<std::byte>(head.size() >> 8U),
                                        static_cast<std::byte>(head.size())};
  byte_string out(id.begin(), id.end());
  for (const byte_string& part :
       {sealed(length, "VMess Header AEAD Key_Length", "VMess Header AEAD Nonce_Length", id, random),
        byte_string(random.begin(), random.end()),
        sealed(head, "VMess Header AEAD Key", "VMess Header AEAD Nonce", id, random)})
    out.insert(out.end(), part.begin(), part.end());
  return out;
}

void read_authentic_request(const_bytes head) {
  if (head.size() > 600) return;
  const byte_string wire = request_of(head);
  const vmess_request r = read_vmess_request(wire, alice);
  must(r.head.what != request_head::status::need_more, "a whole head is enough");
  if (r.head.what != request_head::status::request) return;
  must(r.head.consumed == wire.size(), "a head takes its bytes");
  must(r.head.target.host.valid() && r.head.target.port != 0, "a request has a target");
  const vmess_request again =
      read_vmess_request(seal_vmess_request(alice, 0, r.body, r.head.target, {}), alice);
  must(again.head.what == r.head.what && again.head.target == r.head.target,
       "a request, written again, is the same");
  must(again.body.iv == r.body.iv && again.body.key == r.body.key && again.body.options == r.body.options &&
           again.body.security == r.body.security && again.body.datagrams == r.body.datagrams,
       "so is what it asks for");
}

vmess_body body_of(choices& c) {
  vmess_body b;
  b.security = static_cast<vmess_security>(3 + c.byte() % 3);
  b.options = c.byte();
  b.datagrams = c.flag();
  b.answer = c.byte();
  if ((b.options & vmess_body::masked_lengths) == 0) b.options &= 0xf7;
  if (b.datagrams) b.options |= vmess_body::chunks;
  return b;
}

byte_string open_all(chunk_opener& o, const_bytes wire, std::error_code& ec) {
  byte_string all;
  while (!ec) {
    const std::size_t size = o.size() > 0 ? o.size() : wire.size();
    must(size <= max_chunk_piece || o.size() == 0, "a piece is bounded");
    if (size == 0 || size > wire.size()) break;
    const byte_string piece(wire.begin(), wire.begin() + static_cast<std::ptrdiff_t>(size));
    byte_string text(o.size() > 0 ? o.text() : size);
    const std::size_t n = o.open(piece, text.data(), ec);
    must(n <= text.size() && (!ec || n == 0), "a piece has no more text than it says");
    all.insert(all.end(), text.begin(), text.begin() + static_cast<std::ptrdiff_t>(n));
    wire = wire.subspan(size);
  }
  return all;
}

void read_chunks(const_bytes in) {
  choices c(in.first(std::min<std::size_t>(in.size(), 4)));
  const vmess_body b = body_of(c);
  const const_bytes wire = in.subspan(std::min<std::size_t>(in.size(), 4));
  std::error_code ec;
  open_all(*vmess_server_codecs(b).opener, wire, ec);
  ec.clear();
  open_all(*vmess_client_codecs(b, {}).opener, wire, ec);
}

void carry_text(const_bytes in) {
  choices c(in.first(std::min<std::size_t>(in.size(), 4)));
  vmess_body b = body_of(c);
  b.datagrams = false;
  const byte_string text(in.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(in.size(), 4)),
                         in.end());
  const chunk_codecs client = vmess_client_codecs(b, {}), server = vmess_server_codecs(b);
  for (const bool up : {true, false}) {
    byte_string wire;
    append_sealed(wire, up ? *client.sealer : *server.sealer, text);
    std::error_code ec;
    const byte_string opened = open_all(up ? *server.opener : *client.opener, wire, ec);
    must(!ec && opened == text, "what was sealed is opened");
  }
}

}  // namespace
}  // namespace vmess_fuzz

FUZZ_TARGET(fuzz_vmess) {
  using namespace vmess_fuzz;
  if (in.empty()) return;
  const const_bytes rest = in.subspan(1);
  switch (std::to_integer<unsigned>(in[0]) % 4) {
    case 0: return read_request(rest);
    case 1: return read_authentic_request(rest);
    case 2: return read_chunks(rest);
    default: carry_text(rest);
  }
}
