// What follows the heads of VMess: golden bytes, every option, every cut, every wrong byte.
#include "catch.hpp"
#include "golden.hpp"
#include "message.hpp"

#include "proxy/vmess/body.hpp"

#include <muxpro/testing/hex.hpp>

#include <fmt/format.h>
#include <asio/error.hpp>

#include <algorithm>
#include <string>

namespace vmess_body_test {
namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using muxpro::testing::from_hex;
using byte_string = std::vector<std::byte>;

vmess_block block(const char* hex) {
  vmess_block out{};
  const byte_string all = from_hex(hex);
  std::copy(all.begin(), all.end(), out.begin());
  return out;
}

vmess_body body_of(std::uint8_t security, std::uint8_t options, bool datagrams = false) {
  vmess_body b;
  b.iv = block(vmess_golden::body_iv);
  b.key = block(vmess_golden::body_key);
  b.answer = vmess_golden::answer;
  b.security = static_cast<vmess_security>(security);
  b.options = options;
  b.datagrams = datagrams;
  return b;
}

byte_string numbers(std::size_t n) {
  byte_string out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<std::byte>(i);
  return out;
}

/// What an opener makes of bytes: the text, and how it ended.
struct opened {
  byte_string text;
  std::error_code ec;
  bool may_end = false;
};

/// Each piece is opened alone, in memory of its own.
opened open_all(chunk_opener& o, const_bytes wire) {
  opened out;
  while (!out.ec) {
    const std::size_t size = o.size() > 0 ? o.size() : wire.size();
    if (size == 0 || size > wire.size()) break;
    byte_string piece(wire.begin(), wire.begin() + static_cast<std::ptrdiff_t>(size)), text(piece);
    text.resize(o.size() > 0 ? o.text() : size);
    text.resize(o.open(piece, text.data(), out.ec));
    out.text.insert(out.text.end(), text.begin(), text.end());
    wire = wire.subspan(size);
  }
  out.may_end = wire.empty() && o.may_end();
  return out;
}

byte_string seal_all(chunk_sealer& s, const_bytes text, bool ends) {
  byte_string out;
  append_sealed(out, s, text);
  if (!ends) return out;
  const std::size_t had = out.size();
  out.resize(had + s.overhead());
  out.resize(had + s.end(out.data() + had));
  return out;
}

/// The bytes of a golden chunk that are not padding.
std::size_t without_padding(const vmess_golden::connection& g, std::size_t text) {
  if (g.options == 0) return text;
  const std::size_t tag = g.security == 5 ? 0 : 16, length = g.options & 0x10 && g.security != 5 ? 18 : 2;
  return length + text + tag;
}

void check_sealed(const vmess_golden::connection& g, chunk_sealer& s, const std::vector<const char*>& chunks,
                  const std::vector<byte_string>& texts) {
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    const byte_string expected = from_hex(chunks[i]);
    byte_string got(texts[i].size() + s.overhead());
    got.resize(texts[i].empty() ? s.end(got.data()) : s.seal(texts[i], got.data()).size);
    CHECK(got.size() == expected.size());
    const std::size_t same = without_padding(g, texts[i].size());
    CHECK(std::equal(got.begin(), got.begin() + static_cast<std::ptrdiff_t>(same), expected.begin()));
  }
}

byte_string joined(const std::vector<const char*>& chunks, const char* head = "") {
  byte_string out = from_hex(head);
  for (const char* c : chunks) {
    const byte_string b = from_hex(c);
    out.insert(out.end(), b.begin(), b.end());
  }
  return out;
}

}  // namespace

TEST_CASE("vmess: golden chunks are opened", "[proxy][vmess]") {
  for (const vmess_golden::connection& g : vmess_golden::all()) {
    INFO(g.name << " " << int{g.options});
    const vmess_body b = body_of(g.security, g.options);
    const opened up = open_all(*vmess_server_codecs(b).opener, joined(g.request_chunks));
    byte_string sent = from_hex("68656c6c6f");
    const byte_string more = numbers(100);
    sent.insert(sent.end(), more.begin(), more.end());
    CHECK(up.text == sent);
    CHECK(up.ec == (g.options == 0 ? std::error_code() : asio::error::eof));
    const opened down =
        open_all(*vmess_client_codecs(b, {}).opener, joined(g.response_chunks, g.response_head));
    CHECK(down.text == from_hex("776f726c64"));
    CHECK(down.ec == (g.options == 0 ? std::error_code() : asio::error::eof));
  }
}

TEST_CASE("vmess: golden chunks are sealed", "[proxy][vmess]") {
  for (const vmess_golden::connection& g : vmess_golden::all()) {
    INFO(g.name << " " << int{g.options});
    const vmess_body b = body_of(g.security, g.options);
    const chunk_codecs client = vmess_client_codecs(b, from_hex("abcd")), server = vmess_server_codecs(b);
    byte_string head(client.sealer->overhead());
    head.resize(client.sealer->begin(head.data()));
    CHECK(head == from_hex("abcd"));
    CHECK(client.sealer->begin(head.data()) == 0);
    check_sealed(g, *client.sealer, g.request_chunks, {from_hex("68656c6c6f"), numbers(100), {}});
    head.resize(server.sealer->overhead());
    head.resize(server.sealer->begin(head.data()));
    CHECK(head == from_hex(g.response_head));
    check_sealed(g, *server.sealer, g.response_chunks, {from_hex("776f726c64"), {}});
  }
}

TEST_CASE("vmess: each mix of options carries any text", "[proxy][vmess]") {
  for (const int security : {3, 4, 5}) {
    for (int options = 0; options < 0x20; ++options) {
      if (options & 0x02 || (options & 0x0c) == 0x08) continue;
      INFO(security << " " << options);
      const vmess_body b = body_of(static_cast<std::uint8_t>(security), static_cast<std::uint8_t>(options));
      const chunk_codecs client = vmess_client_codecs(b, {}), server = vmess_server_codecs(b);
      const bool ends = options & 1;
      const byte_string text = numbers(70'000);
      const opened up = open_all(*server.opener, seal_all(*client.sealer, text, ends));
      CHECK(up.text == text);
      CHECK(up.ec == (ends ? asio::error::eof : std::error_code()));
      const opened down = open_all(*client.opener, seal_all(*server.sealer, text, ends));
      CHECK(down.text == text);
      CHECK(down.ec == (ends ? asio::error::eof : std::error_code()));
      CHECK(client.sealer->most() + client.sealer->overhead() <= 8192);
    }
  }
}

TEST_CASE("vmess: the counter of chunks wraps", "[proxy][vmess]") {
  const vmess_body b = body_of(3, 0x1d);
  const chunk_codecs client = vmess_client_codecs(b, {}), server = vmess_server_codecs(b);
  byte_string wire;
  for (int i = 0; i < 65540; ++i) append_sealed(wire, *client.sealer, numbers(1));
  CHECK(open_all(*server.opener, wire).text.size() == 65540);
}

TEST_CASE("vmess: datagrams keep their bounds", "[proxy][vmess]") {
  const byte_string text = from_hex("0001 61 0003 626364 0000 0002 6566");
  const byte_string without_empty = from_hex("0001 61 0003 626364 0002 6566");
  for (const int security : {3, 4, 5}) {
    for (const int options : {0x01, 0x05, 0x0d, 0x1d}) {
      const vmess_body b =
          body_of(static_cast<std::uint8_t>(security), static_cast<std::uint8_t>(options), true);
      const chunk_codecs client = vmess_client_codecs(b, {}), server = vmess_server_codecs(b);
      const byte_string wire = seal_all(*client.sealer, text, true);
      const opened up = open_all(*server.opener, wire);
      CHECK(up.text == without_empty);
      CHECK(up.ec == asio::error::eof);
      // A datagram of which a part has come is no chunk yet.
      byte_string room(100);
      CHECK(client.sealer->seal(from_hex("0003 6162"), room.data()).text == 0);
      CHECK(client.sealer->seal(from_hex("00"), room.data()).text == 0);
    }
  }
}

TEST_CASE("vmess: a connection may end between chunks, and nowhere else", "[proxy][vmess]") {
  for (const int options : {0x01, 0x0d, 0x1d}) {
    const vmess_body b = body_of(3, static_cast<std::uint8_t>(options));
    const byte_string wire = seal_all(*vmess_server_codecs(b).sealer, numbers(9000), false);
    const chunk_codecs once = vmess_client_codecs(b, {});
    std::size_t ends = 0;
    for (std::size_t n = 0; n <= wire.size(); n += n < 100 || n + 100 > wire.size() ? 1 : 37) {
      const opened r = open_all(*vmess_client_codecs(b, {}).opener, const_bytes(wire).first(n));
      CHECK(r.ec == std::error_code());
      ends += r.may_end;
      if (n == 0 || n == wire.size()) CHECK(r.may_end);
    }
    CHECK(ends <= 5);
  }
}

TEST_CASE("vmess: a wrong byte is noticed, but in padding", "[proxy][vmess]") {
  for (const int security : {3, 4}) {
    for (const int options : {0x01, 0x05, 0x11}) {
      const vmess_body b = body_of(static_cast<std::uint8_t>(security), static_cast<std::uint8_t>(options));
      const byte_string wire = seal_all(*vmess_server_codecs(b).sealer, numbers(100), false);
      for (std::size_t i = 0; i < wire.size(); ++i) {
        byte_string changed = wire;
        changed[i] ^= std::byte{0x10};
        const opened r = open_all(*vmess_client_codecs(b, {}).opener, changed);
        CHECK(r.text.empty());
        CHECK((r.ec == errc::bad_answer || (!r.ec && !r.may_end)));
      }
    }
  }
}

TEST_CASE("vmess: a response to another request is refused", "[proxy][vmess]") {
  vmess_body b = body_of(3, 0x0d);
  const byte_string wire = seal_all(*vmess_server_codecs(b).sealer, numbers(10), true);
  ++b.answer;
  CHECK(open_all(*vmess_client_codecs(b, {}).opener, wire).ec == errc::bad_answer);
  b.iv[0] ^= std::byte{1};
  CHECK(open_all(*vmess_client_codecs(b, {}).opener, wire).ec == errc::bad_answer);
}

}  // namespace vmess_body_test
