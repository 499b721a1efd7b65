// The header of the PROXY protocol: golden bytes.
#include "catch.hpp"

#include "proxy/base/proxy_protocol.hpp"

#include <muxpro/testing/hex.hpp>

#include <string>

namespace proxy_protocol_test {
namespace {

using asio::ip::make_address;
using asio::ip::tcp;

std::string header(unsigned version, const char* from, const char* to) {
  const auto all = muxpro::proxy::proxy_header(version, tcp::endpoint(make_address(from), 4660),
                                               tcp::endpoint(make_address(to), 443));
  std::string out = version == 1 ? std::string(reinterpret_cast<const char*>(all.data()), all.size())
                                 : muxpro::testing::to_hex(all);
  if (version == 2) std::erase(out, ' ');
  return out;
}

TEST_CASE("PROXY protocol: version 1", "[proxy][fallbacks]") {
  CHECK(header(1, "192.0.2.1", "198.51.100.2") == "PROXY TCP4 192.0.2.1 198.51.100.2 4660 443\r\n");
  CHECK(header(1, "2001:db8::1", "2001:db8::2") == "PROXY TCP6 2001:db8::1 2001:db8::2 4660 443\r\n");
  CHECK(header(1, "::ffff:192.0.2.1", "198.51.100.2") == "PROXY TCP4 192.0.2.1 198.51.100.2 4660 443\r\n");
  CHECK(header(1, "fe80::1%1", "fe80::2") == "PROXY TCP6 fe80::1 fe80::2 4660 443\r\n");
}

TEST_CASE("PROXY protocol: version 2", "[proxy][fallbacks]") {
  const std::string signature = "0d0a0d0a000d0a515549540a";
  CHECK(header(2, "192.0.2.1", "198.51.100.2") == signature + "2111000cc0000201c6336402123401bb");
  CHECK(header(2, "2001:db8::1", "2001:db8::2") ==
        signature + "2121002420010db800000000000000000000000120010db8000000000000000000000002123401bb");
}

TEST_CASE("PROXY protocol: ends that are not known", "[proxy][fallbacks]") {
  for (const auto& [from, to] : {std::pair{"0.0.0.0", "0.0.0.0"},
                                 {"192.0.2.1", "2001:db8::1"},
                                 {"192.0.2.1", "0.0.0.0"},
                                 {"::", "2001:db8::1"}}) {
    CHECK(header(1, from, to) == "PROXY UNKNOWN\r\n");
    CHECK(header(2, from, to) == "0d0a0d0a000d0a515549540a20000000");
  }
}

}  // namespace
}  // namespace proxy_protocol_test
