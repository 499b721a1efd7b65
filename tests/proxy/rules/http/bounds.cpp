// Numbers of an HTTP head at their bounds.
#include "catch.hpp"

#include "http_transcript.hpp"

#include <string>

namespace {

using namespace http_test;

http_request_parser::step parsed(const std::string& text) {
  http_request_parser p;
  return p.next(as_bytes(text));
}

constexpr auto complete = http_request_parser::status::complete;
constexpr auto refused = http_request_parser::status::refused;

http_request_parser::step with_length(const std::string& digits) {
  return parsed("POST http://a/ HTTP/1.0\r\nContent-Length: " + digits + "\r\n\r\n");
}

std::string with_fields(std::size_t n) {
  std::string text = "GET http://a/ HTTP/1.0\r\n";
  for (std::size_t i = 0; i < n; ++i) text += "a: b\r\n";
  return text + "\r\n";
}

std::string of_size(std::size_t n) {
  const std::string begin = "GET http://a/ HTTP/1.0\r\na: ", end = "\r\n\r\n";
  return begin + std::string(n - begin.size() - end.size(), 'x') + end;
}

}  // namespace

TEST_CASE("http: the largest Content-Length is 2^63-1", "[proxy][http]") {
  const auto largest = with_length("9223372036854775807");
  CHECK(largest.what == complete);
  CHECK(largest.request.body.length == 9223372036854775807u);
  CHECK(with_length("9223372036854775808").what == refused);
  CHECK(with_length("18446744073709551615").what == refused);
  CHECK(with_length("18446744073709551616").what == refused);
  CHECK(with_length("").what == refused);
}

TEST_CASE("http: ports of a target from 1 to 65535", "[proxy][http]") {
  for (const char* const port : {"1", "80", "65535", "00080"}) {
    INFO(port);
    CHECK(parsed("CONNECT a:" + std::string(port) + " HTTP/1.1\r\n\r\n").what == complete);
  }
  for (const char* const port : {"0", "65536", "", "-1", "+1", "99999999999999999999"}) {
    INFO(port);
    CHECK(parsed("CONNECT a:" + std::string(port) + " HTTP/1.1\r\n\r\n").what == refused);
  }
}

TEST_CASE("http: as many fields as may be, and no more", "[proxy][http]") {
  CHECK(parsed(with_fields(http_request_parser::max_fields)).what == complete);
  CHECK(parsed(with_fields(http_request_parser::max_fields + 1)).what == refused);
}

TEST_CASE("http: a head as long as may be, and no longer", "[proxy][http]") {
  CHECK(parsed(of_size(http_request_parser::max_head)).what == complete);
  CHECK(parsed(of_size(http_request_parser::max_head + 1)).what == refused);
}
