// One spelling for each host.
#include "catch.hpp"

#include "proxy/base/host_name.hpp"

#include <string>

using muxpro::proxy::canonical_host;

TEST_CASE("a host name has one spelling", "[proxy][host]") {
  CHECK(canonical_host("Example.COM") == "example.com");
  CHECK(canonical_host("example.com.") == "example.com");
  CHECK(canonical_host("a") == "a");
  CHECK(canonical_host("xn--bcher-kva.example") == "xn--bcher-kva.example");
  CHECK(canonical_host("_dmarc.example.com") == "_dmarc.example.com");
  CHECK(canonical_host("r3---sn-4g5e.example") == "r3---sn-4g5e.example");
  CHECK(canonical_host("1e100.net") == "1e100.net");
  CHECK(canonical_host("4.example") == "4.example");
}

TEST_CASE("an address has one spelling", "[proxy][host]") {
  CHECK(canonical_host("192.0.2.1") == "192.0.2.1");
  CHECK(canonical_host("[2001:DB8::0:1]") == "2001:db8::1");
  CHECK(canonical_host("2001:db8:0:0:0:0:0:1") == "2001:db8::1");
}

TEST_CASE("what is neither a name nor an address is no host", "[proxy][host]") {
  const std::string forbidden[] = {
      "",
      ".",
      "..",
      "a..b",
      ".a",
      "a..",
      "a b",
      "a\n",
      "a\x01",
      "a/b",
      "a:80",
      "user@a",
      "a%00b",
      "b\xc3\xbc"
      "cher.example",
      "256.0.0.1",
      "1.2.3",
      "127.1",
      "0x7f.1",
      "0x7f000001",
      "2130706433",
      "1.2.3.4.5",
      "a.0x1f",
      "192.0.2.01",
      "[1.2.3.4]",
      "[::1",
      "::1]",
      "[fe80::1%1]",
      "[]",
      "*",
      "a.1",
      std::string("a\0b", 3),
      "1.2.3.4:80",
  };
  for (const std::string& text : forbidden) {
    INFO(text);
    CHECK_FALSE(canonical_host(text));
  }
}

TEST_CASE("names and labels have bounds", "[proxy][host]") {
  const std::string label(63, 'a');
  const std::string longest = label + '.' + label + '.' + label + '.' + std::string(61, 'a');
  REQUIRE(longest.size() == 253);
  CHECK(canonical_host(longest) == longest);
  CHECK(canonical_host(longest + '.') == longest);
  CHECK_FALSE(canonical_host(longest + 'a'));
  CHECK_FALSE(canonical_host('a' + label + ".example"));
  CHECK_FALSE(canonical_host(std::string(100000, 'a')));
}

TEST_CASE("a canonical host is its own canonical host", "[proxy][host][property]") {
  for (const char* text : {"EXAMPLE.com.", "[::ffff:1.2.3.4]", "198.51.100.7", "a-b_c.D"}) {
    const auto once = canonical_host(text);
    REQUIRE(once);
    CHECK(canonical_host(*once) == once);
  }
}
