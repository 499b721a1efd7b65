// Cookies of a request.
#include "catch.hpp"

#include "proxy/http/cookies.hpp"

#include <vector>

using namespace muxpro::proxy;

TEST_CASE("cookies: a value by its name, over all fields", "[proxy][http]") {
  const std::vector<http_field> fields{
      {"Host", "a=1"}, {"Cookie", "a=b;  ab=c; d"}, {"cookie", "e=f=g; a=later; empty="}};
  CHECK(cookie_value(fields, "a") == "b");
  CHECK(cookie_value(fields, "ab") == "c");
  CHECK(cookie_value(fields, "e") == "f=g");
  CHECK(cookie_value(fields, "d") == "");
  CHECK(cookie_value(fields, "empty") == "");
  CHECK(cookie_value(fields, "b") == "");
  CHECK(cookie_value({{"Cookie", ";;;  "}, {"Cookie", ""}}, "a") == "");
}

TEST_CASE("cookies: further ones go to the field that is there", "[proxy][http]") {
  std::vector<http_field> fields;
  add_cookie(fields, "a", "b");
  add_cookie(fields, "c", "d");
  REQUIRE(fields.size() == 1);
  CHECK(fields[0].name == "Cookie");
  CHECK(fields[0].value == "a=b; c=d");
  CHECK(cookie_value(fields, "c") == "d");
}
