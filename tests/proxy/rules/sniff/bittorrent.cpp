// BitTorrent over TCP and over uTP.
#include "catch.hpp"

#include "prefixes.hpp"

#include "proxy/sniff/bittorrent.hpp"

namespace {

using namespace rules_test;
using muxpro::proxy::sniff_utp;

struct utp {
  std::uint8_t type = 4, version = 1;
  std::uint16_t connection = 1000;
  std::uint32_t sent_at = 0xfffffff0, difference = 0;
  std::uint16_t acknowledged = 0;
  std::string payload;
  std::uint8_t first_extension = 0;
  std::string extensions;

  byte_string bytes() const {
    message m;
    m.number(static_cast<std::uint8_t>(type << 4 | version), 1)
        .number(first_extension, 1)
        .number(connection, 2);
    m.number(sent_at, 4).number(difference, 4).number(0x100000, 4).number(77, 2).number(acknowledged, 2);
    return m.text(extensions).text(payload);
  }
};

sniff_status utp_status(const std::vector<byte_string>& datagrams) {
  const std::vector<const_bytes> views(datagrams.begin(), datagrams.end());
  return sniff_utp(views).status;
}

utp utp_data(std::uint32_t sent_at) {
  utp p;
  p.type = 0;
  p.sent_at = sent_at;
  p.payload = "data";
  p.acknowledged = 5;
  return p;
}

}  // namespace

TEST_CASE("bittorrent: the handshake, cut at every byte", "[proxy][sniff]") {
  const byte_string bytes = bytes_of(
      "\x13"
      "BitTorrent protocol"
      "\x01\x02 and more");
  const sniff_result r = muxpro::proxy::sniff_bittorrent(bytes);
  CHECK(r.status == sniff_status::found);
  CHECK(r.protocol == "bittorrent");
  CHECK(r.domain.empty());
  CHECK(judge_prefixes(bytes, [](const_bytes b) { return muxpro::proxy::sniff_stream(b); }) == "");
  CHECK(muxpro::proxy::sniff_bittorrent(bytes_of("\x13"
                                                 "BitTorrent protocoX"))
            .status == sniff_status::no_clue);
}

TEST_CASE("utp: a SYN is enough", "[proxy][sniff]") {
  CHECK(utp_status({utp().bytes()}) == sniff_status::found);
  utp bits;  // eight bytes of extension bits, as some clients send them
  bits.first_extension = 2;
  bits.extensions = std::string(
      "\0\x08"
      "abcdefgh",
      10);
  CHECK(utp_status({bits.bytes()}) == sniff_status::found);
  utp reason = bits;  // the last extension in use is the close reason
  reason.first_extension = 3;
  CHECK(utp_status({reason.bytes()}) == sniff_status::found);
  reason.first_extension = 4;
  CHECK(utp_status({reason.bytes()}) == sniff_status::no_clue);
}

TEST_CASE("utp: a SYN that acknowledges something is refused", "[proxy][sniff]") {
  utp late;
  late.difference = 1;
  CHECK(utp_status({late.bytes()}) == sniff_status::no_clue);
  utp acknowledging;
  acknowledging.acknowledged = 1;
  CHECK(utp_status({acknowledging.bytes()}) == sniff_status::no_clue);
  utp with_payload;
  with_payload.payload = "x";
  CHECK(utp_status({with_payload.bytes()}) == sniff_status::no_clue);
}

TEST_CASE("utp: in the middle it takes two packets of one connection", "[proxy][sniff]") {
  const byte_string first = utp_data(0xfffffff0).bytes(),
                    second = utp_data(0x10).bytes();  // the clock has wrapped
  CHECK(utp_status({first}) == sniff_status::need_more);
  CHECK(utp_status({first, second}) == sniff_status::found);
  CHECK(judge_datagrams({first, second, second}, [](auto d) { return muxpro::proxy::sniff_datagrams(d); }) ==
        "");
  utp other = utp_data(0x10);
  other.connection = 1001;
  CHECK(utp_status({first, other.bytes()}) == sniff_status::no_clue);
  CHECK(utp_status({first, utp_data(0x10 + 20'000'000).bytes()}) == sniff_status::no_clue);
  CHECK(utp_status({second, first}) == sniff_status::no_clue);  // back in time
  CHECK(utp_status({first, bytes_of("x")}) == sniff_status::no_clue);
}

TEST_CASE("utp: what it is not", "[proxy][sniff]") {
  CHECK(utp_status({}) == sniff_status::need_more);
  CHECK(utp_status({byte_string()}) == sniff_status::no_clue);
  const byte_string whole = utp().bytes();
  for (std::size_t n = 0; n < whole.size(); ++n)
    CHECK(utp_status({byte_string(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n))}) ==
          sniff_status::no_clue);
  utp p;
  p.version = 2;
  CHECK(utp_status({p.bytes()}) == sniff_status::no_clue);
  p = {};
  p.type = 5;
  CHECK(utp_status({p.bytes()}) == sniff_status::no_clue);
  for (const std::string& chain : {std::string("\0", 1),
                                   std::string("\0\x09"
                                               "abcdefgh",
                                               10),
                                   std::string("\x04\x01"
                                               "a",
                                               3),
                                   std::string("\0\0", 2)}) {
    p = {};
    p.first_extension = 1;
    p.extensions = chain;
    CHECK(utp_status({p.bytes()}) == sniff_status::no_clue);
  }
  // A DNS query whose id looks like the first bytes of uTP, sent twice.
  const byte_string dns = message()
                              .number(0x0100, 2)
                              .number(0x0100, 2)
                              .number(1, 2)
                              .fill(6)
                              .text(
                                  "\x07"
                                  "example\x03"
                                  "com")
                              .number(0, 1)
                              .number(0x00010001, 4);
  CHECK(utp_status({dns, dns}) == sniff_status::no_clue);
}
