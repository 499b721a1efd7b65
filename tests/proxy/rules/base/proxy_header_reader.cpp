// Headers of the PROXY protocol: golden ones, every cut, what is refused.
#include "catch.hpp"
#include "head_transcript.hpp"

#include "proxy/base/proxy_header_reader.hpp"
#include "proxy/base/proxy_protocol.hpp"

namespace proxy_header_test {
namespace {

using namespace head_test;
using namespace muxpro::proxy;
using asio::ip::make_address;
using asio::ip::tcp;
using muxpro::testing::from_hex;

/// Reads as a server does, never more than belongs to the header. The rest of `all` follows in the result.
std::string read(const byte_string& all) {
  std::size_t has = 0;
  for (;;) {
    const auto step = read_proxy_header(const_bytes(all).first(has));
    const std::string rest = text_of(const_bytes(all).subspan(has));
    if (step.what == proxy_header_step::status::broken) return "broken";
    if (step.what == proxy_header_step::status::complete && !step.ends) return "unknown|" + rest;
    if (step.what == proxy_header_step::status::complete)
      return fmt::format("{}:{} to {}:{}|{}", step.ends->source.address().to_string(),
                         step.ends->source.port(), step.ends->gateway.address().to_string(),
                         step.ends->gateway.port(), rest);
    if (step.missing == 0) return "stuck";
    if (has == all.size()) return "more";
    has = std::min(has + step.missing, all.size());
  }
}
std::string read(const std::string& text) { return read(bytes_of(text)); }

const std::string signature = "0d0a0d0a000d0a515549540a";

TEST_CASE("proxy header: version 1", "[proxy][proxy_header]") {
  CHECK(read("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nGET") ==
        "192.0.2.1:56324 to 198.51.100.2:443|GET");
  CHECK(read("PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n") == "2001:db8::1:1 to 2001:db8::2:65535|");
  CHECK(read("PROXY UNKNOWN\r\nhello") == "unknown|hello");
  CHECK(read("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\nhello") == "unknown|hello");
  CHECK(read("PROXY TCP4 192.0.2.1") == "more");
  CHECK(read("") == "more");
}

TEST_CASE("proxy header: the longest line of version 1, with a CR inside it", "[proxy][proxy_header]") {
  const auto line_of = [](std::size_t size) {
    return "PROXY UNKNOWN \r" + std::string(size - 17, 'x') + "\r\n";
  };
  CHECK(read(line_of(max_proxy_line)) == "unknown|");
  CHECK(read(line_of(max_proxy_line + 1)) == "broken");
}

TEST_CASE("proxy header: version 2", "[proxy][proxy_header]") {
  CHECK(read(from_hex(signature + "2111000c c0000201 c6336402 dc04 01bb 474554")) ==
        "192.0.2.1:56324 to 198.51.100.2:443|GET");
  CHECK(read(from_hex(
            signature +
            "21210026 20010db8000000000000000000000001 20010db8000000000000000000000002 0001 ffff 0400")) ==
        "2001:db8::1:1 to 2001:db8::2:65535|");
  CHECK(read(from_hex(signature + "20000000 61")) == "unknown|a");
  CHECK(read(from_hex(signature + "21000000 61")) == "unknown|a");
  CHECK(read(from_hex(signature + "2131000a 00000000000000000000 61")) == "unknown|a");
  CHECK(read(from_hex(signature + "2111")) == "more");
}

TEST_CASE("proxy header: invalid headers", "[proxy][proxy_header]") {
  for (const char* const bad :
       {"GET / HTTP/1.1\r\n", "PROXY TCP4 ::1 ::2 1 2\r\n", "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n", "PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n", "PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
        "proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n"})
    CHECK(read(bad) == "broken");
  CHECK(read("PROXY TCP4 " + std::string(200, '1')) == "broken");
  CHECK(read(std::string("PROXY TCP4 192.0.2.1\0x 192.0.2.2 1 2\r\n", 38)) == "broken");
  CHECK(read(from_hex(signature + "1111000c c0000201 c6336402 dc04 01bb")) == "broken");
  CHECK(read(from_hex(signature + "2211000c c0000201 c6336402 dc04 01bb")) == "broken");
  CHECK(read(from_hex(signature + "2111000b c0000201 c6336402 dc04 01")) == "broken");
  CHECK(read(from_hex(signature + "2111ffff")) == "broken");
  CHECK(read(from_hex("0d0a0d0a000d0a515549550a")) == "broken");
}

TEST_CASE("proxy header: what is written is read", "[proxy][proxy_header]") {
  const tcp::endpoint a(make_address("192.0.2.1"), 7), b(make_address("198.51.100.2"), 443),
      c(make_address("2001:db8::1"), 0), d(make_address("2001:db8::2"), 65535);
  for (const unsigned version : {1U, 2U}) {
    CHECK(read(proxy_header(version, a, b)) == "192.0.2.1:7 to 198.51.100.2:443|");
    CHECK(read(proxy_header(version, c, d)) == "2001:db8::1:0 to 2001:db8::2:65535|");
    CHECK(read(proxy_header(version, a, d)) == "unknown|");
  }
}

}  // namespace
}  // namespace proxy_header_test
