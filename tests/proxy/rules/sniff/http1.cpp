// The head of an HTTP/1 request: host and attributes.
#include "catch.hpp"

#include "prefixes.hpp"

#include "proxy/sniff/http1.hpp"

#include <random>

namespace {

using namespace rules_test;
using muxpro::proxy::attributes;

constexpr auto http_whole = [](const_bytes b) { return muxpro::proxy::sniff_http1(b); };

sniff_result http(std::string_view text) { return muxpro::proxy::sniff_http1(bytes_of(text)); }

void check_no_http(const std::string& text) {
  INFO(text);
  CHECK(http(text).status == sniff_status::no_clue);
  CHECK(judge_prefixes(bytes_of(text), http_whole) == "");
}

}  // namespace

TEST_CASE("http1: host and attributes", "[proxy][sniff]") {
  const std::string request =
      "get /a?b=c HTTP/1.1\r\nHost:  WWW.Example.com:8080 \r\nAccept: a\r\naccept: b\r\nX-Empty:\r\n\r\n";
  const sniff_result r = http(request);
  CHECK(r.status == sniff_status::found);
  CHECK(r.protocol == "http1");
  CHECK(r.domain == "www.example.com");
  CHECK(r.attrs == attributes{{":method", "GET"},
                              {":path", "/a?b=c"},
                              {"host", "WWW.Example.com:8080"},
                              {"accept", "a, b"},
                              {"x-empty", ""}});
  CHECK(judge_prefixes(bytes_of(request), http_whole) == "");
}

TEST_CASE("http1: all methods, in any case", "[proxy][sniff]") {
  for (const char* m :
       {"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "CONNECT", "PATCH", "TRACE", "pAtCh"}) {
    const std::string request = std::string(m) + " * HTTP/1.0\nHost: a.example\n\n";
    CHECK(http(request).domain == "a.example");
    CHECK(judge_prefixes(bytes_of(request), http_whole) == "");
  }
  for (const char* m :
       {"GETS / HTTP/1.1", "PRI * HTTP/2.0", "PROPFIND / HTTP/1.1", "get\t/ HTTP/1.1", " GET / HTTP/1.1"})
    check_no_http(std::string(m) + "\r\nHost: a.example\r\n\r\n");
}

TEST_CASE("http1: ways to name a host", "[proxy][sniff]") {
  const auto host = [](const std::string& value) {
    return http("GET / HTTP/1.1\r\nHost: " + value + "\r\n\r\n").domain;
  };
  CHECK(host("a.example.") == "a.example");
  CHECK(host("a.example:") == "a.example");
  CHECK(host("192.0.2.1:80") == "192.0.2.1");
  CHECK(host("[2001:db8::1]") == "2001:db8::1");
  CHECK(host("[2001:db8::1]:443") == "2001:db8::1");
  for (const char* bad :
       {"", "a.example:80x", "a:b:80", "user@a.example", "a.example/", "127.1", "a b", "[::1", "*"})
    check_no_http(std::string("GET / HTTP/1.1\r\nHost: ") + bad + "\r\n\r\n");
}

TEST_CASE("http1: the Host header is required, once", "[proxy][sniff]") {
  check_no_http("GET / HTTP/1.1\r\n\r\n");
  check_no_http("GET / HTTP/1.1\r\nAccept: host: a\r\n\r\n");
  check_no_http("GET / HTTP/1.1\r\nHost: a.example\r\nhost: b.example\r\n\r\n");
}

TEST_CASE("http1: empty lines before a request do not hide its host", "[proxy][sniff]") {
  using muxpro::proxy::max_http_head;
  const std::string request = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
  for (const char* before : {"\r\n", "\n", "\r\n\r\n\n"}) {
    CHECK(http(before + request) == http(request));
    CHECK(judge_prefixes(bytes_of(before + request), http_whole) == "");
    CHECK(http(before).status == sniff_status::need_more);
  }
  CHECK(http("\r").status == sniff_status::need_more);
  CHECK(http("\r\r\n" + request).status == sniff_status::no_clue);
  CHECK(http(std::string(max_http_head, '\n') + request).status == sniff_status::no_clue);
}

TEST_CASE("http1: bytes that are no head", "[proxy][sniff]") {
  const std::string host = "Host: a.example\r\n\r\n";
  for (const char* line :
       {"GET /", "GET  HTTP/1.1", "GET / x HTTP/1.1", "GET / HTTP/2.0", "GET / RTSP/1.0", "GET / ", "GET  "})
    check_no_http(std::string(line) + "\r\n" + host);
  for (const char* line :
       {"no colon", ": nameless", "a b: c", " folded: a", "\tfolded", "bad\x01: a", "x: a\x7f", "x: a\vb"})
    check_no_http(std::string("GET / HTTP/1.1\r\n") + line + "\r\n" + host);
  using namespace std::string_literals;
  check_no_http("GET / HTTP/1.1\r\nx: a\0b\r\n"s + host);
}

TEST_CASE("http1: binary data is recognized before its end", "[proxy][sniff]") {
  CHECK(http("GET \x01\x02").status == sniff_status::no_clue);
  CHECK(http("GE").status == sniff_status::need_more);
  CHECK(http("GET").status == sniff_status::need_more);
  CHECK(http("GET / HTTP/1.1\r\nHost: a.example\r\n").status == sniff_status::need_more);
}

TEST_CASE("http1: the body does not count", "[proxy][sniff][property]") {
  std::mt19937 random(3);
  const std::string request = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 9\r\n\r\n";
  const sniff_result r = http(request);
  for (int i = 0; i < 200; ++i) {
    std::string longer = request;
    for (std::size_t n = random() % 300; n > 0; --n) longer += static_cast<char>(random());
    CHECK(http(longer) == r);
  }
}

TEST_CASE("http1: a head is bounded", "[proxy][sniff]") {
  using muxpro::proxy::max_http_head;
  const std::string begin = "GET / HTTP/1.1\r\nHost: a.example\r\n";
  const std::string long_head = begin + "cookie: " + std::string(max_http_head, 'c') + "\r\n\r\n";
  const sniff_result r = http(long_head);
  CHECK(r.domain == "a.example");
  CHECK(r.attrs.count("cookie") == 0);  // its end was not seen
  CHECK(judge_prefixes(bytes_of(long_head), http_whole) == "");
  CHECK(http("GET /" + std::string(100000, 'a')).status == sniff_status::no_clue);

  std::string lines = begin;
  for (int i = 1; i < 256; ++i) lines += "x: y\r\n";
  CHECK(http(lines + "\r\n").domain == "a.example");
  CHECK(http(lines + "x: y\r\n\r\n").status == sniff_status::no_clue);
}
