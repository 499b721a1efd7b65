#include "catch.hpp"

#include "proxy/base/masked.hpp"
#include "proxy/base/number_range.hpp"

namespace masked_addresses {

using namespace muxpro::proxy;

TEST_CASE("masked: addresses in a line, and nothing else", "[proxy][log]") {
  const auto half = [](std::string_view text) { return masked(text, address_mask::half); };
  CHECK(half("from 192.0.2.77:5000 accepted tcp:10.1.2.3:80 [in -> out]") ==
        "from 192.0.*.*:5000 accepted tcp:10.1.*.*:80 [in -> out]");
  CHECK(half("[2001:db8:1:2:3:4:5:6]:80 and ::1") == "[2001:db8:1:2:*]:80 and 0:0:0:0:*");
  CHECK(half("example.com:443 a1.b2.c3.d4 12:30:59 1.2.3 x10.0.0.1") ==
        "example.com:443 a1.b2.c3.d4 12:30:59 1.2.3 x10.0.0.1");
  CHECK(masked("10.1.2.3", address_mask::quarter) == "10.*.*.*");
  CHECK(masked("10.1.2.3", address_mask::three_quarters) == "10.1.2.*");
  CHECK(masked("10.1.2.3:5", address_mask::full) == "[Masked]:5");
  CHECK(masked("10.1.2.3", address_mask::none) == "10.1.2.3");
  CHECK(half("") == "");
}

TEST_CASE("number_range: one number or two", "[proxy]") {
  CHECK(number_range::parse("10") == number_range{10, 10});
  CHECK(number_range::parse("10-20") == number_range{10, 20});
  CHECK(number_range::parse(" 1 - 2 ") == number_range{1, 2});
  for (const char* text : {"", "-", "1-", "-1", "2-1", "a", "1-2-3", "99999999999"})
    CHECK_FALSE(number_range::parse(text));
}

}  // namespace masked_addresses
