// What goes on to the upstream, what routing sees, and the user.
#include "catch.hpp"
#include "http_transcript.hpp"

#include <random>

namespace http_test {
namespace {

std::string upstream(std::string_view fields, std::string_view line = "GET http://a/x HTTP/1.1") {
  return http_upstream_head(request_in(fmt::format("{}\r\nHost: h\r\n{}\r\n", line, fields)));
}

std::string base64(std::string_view text) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j)
      group = group << 8 | (i + j < text.size() ? static_cast<unsigned char>(text[i + j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j)
      out += i + j > text.size() ? '=' : alphabet[group >> (18 - 6 * j) & 63];
  }
  return out;
}

std::optional<std::string> who(std::string_view fields) {
  static const accounts users = [] {
    accounts u;
    u.add("alice", "wonder:land");
    u.add("Aladdin", "open sesame");
    u.add("", "");
    return u;
  }();
  const auto user = http_user(request_in(fmt::format("CONNECT a:1 HTTP/1.1\r\n{}\r\n", fields)), users);
  return user ? std::optional(user->name) : std::nullopt;
}

TEST_CASE("http: golden rewrites", "[proxy][http]") {
  CHECK(upstream("Accept: */*\r\nUser-Agent: x\r\n") ==
        "GET /x HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nUser-Agent: x\r\nConnection: close\r\n\r\n");
  CHECK(upstream("", "HEAD http://a:8080?q HTTP/1.1") ==
        "HEAD /?q HTTP/1.1\r\nHost: a:8080\r\nConnection: close\r\n\r\n");
  CHECK(upstream("", "GET http://[2001:DB8::1]/ HTTP/1.0") ==
        "GET / HTTP/1.0\r\nHost: [2001:db8::1]\r\nConnection: close\r\n\r\n");
  CHECK(upstream("", "GET http://[2001:DB8::1]:8080/ HTTP/1.0") ==
        "GET / HTTP/1.0\r\nHost: [2001:db8::1]:8080\r\nConnection: close\r\n\r\n");
  CHECK(upstream("", "OPTIONS http://a HTTP/1.1") ==
        "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  CHECK(upstream("Content-Length: 0\r\nX: 1\r\nX: 2\r\n", "POST http://a/ HTTP/1.1") ==
        "POST / HTTP/1.1\r\nHost: a\r\nX: 1\r\nX: 2\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  CHECK(upstream("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", "PUT http://a/ HTTP/1.1") ==
        "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\nConnection: "
        "close\r\n\r\n");
}

TEST_CASE("http: the request for a persistent connection to the upstream", "[proxy][http]") {
  CHECK(http_upstream_head(request_in("GET http://a/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
                           http_upstream::keeps) ==
        "GET /x HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
}

TEST_CASE("http: fields that end at this hop", "[proxy][http]") {
  const std::string bare = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  for (const char* field :
       {"Connection: keep-alive", "connection: close", "Keep-Alive: timeout=5",
        "Proxy-Connection: keep-alive", "Proxy-Authorization: Basic YTpi", "PROXY-AUTHORIZATION: Basic YTpi",
        "Proxy-Authenticate: x", "Proxy-Anything: x", "TE: trailers", "Trailer: X-Sum", "Upgrade: h2c",
        "HTTP2-Settings: x", "Connection: X-Secret, x-other\r\nX-Secret: 1\r\nX-Other: 2\r\nx-secret: 3",
        "X-Secret: 1\r\nConnection: ,, x-SECRET ,\t,keep-alive",
        "Connection:", "Connection: a\r\nConnection: b\r\nA: 1\r\nB: 2"})
    CHECK(upstream(fmt::format("{}\r\n", field)) == bare);
  CHECK(upstream("Connection: x\r\nXX: 1\r\nAuthorization: Basic YTpi\r\nProxy: 1\r\n") ==
        "GET /x HTTP/1.1\r\nHost: a\r\nXX: 1\r\nAuthorization: Basic YTpi\r\nProxy: 1\r\nConnection: "
        "close\r\n\r\n");
}

TEST_CASE("http: an upgrade goes on, one to HTTP/2 does not", "[proxy][http]") {
  CHECK(upstream("Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Key: k\r\n") ==
        "GET /x HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Key: k\r\nUpgrade: WebSocket\r\nConnection: "
        "Upgrade\r\n\r\n");
  CHECK(
      upstream("Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 2\r\n", "POST http://a/x HTTP/1.1") ==
      "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n");
  CHECK(upstream("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n") ==
        "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
}

TEST_CASE("http: a rewritten request is read as the same request", "[proxy][http]") {
  std::mt19937_64 rng(13);
  const std::string_view fields[] = {
      "Accept: */*\r\n",       "Connection: x-a, close\r\n",  "X-A: 1\r\n",
      "Content-Length: 7\r\n", "Proxy-Connection: close\r\n", "Transfer-Encoding: chunked\r\n",
      "Cookie: a=b\r\n",       "Upgrade: websocket\r\n",      "Connection: upgrade\r\n",
      "TE: trailers\r\n"};
  for (int round = 0; round < 3000; ++round) {
    std::string in = "GET http://a:81/p?q HTTP/1.1\r\nHost: other\r\n";
    for (std::size_t n = rng() % 7; n != 0; --n) in += fields[rng() % std::size(fields)];
    in += "\r\n";
    http_request_parser first;
    const auto s = first.next(as_bytes(in));
    if (s.what != http_request_parser::status::complete) continue;
    const std::string rewritten = http_upstream_head(s.request);
    std::string absolute = rewritten;
    absolute.insert(absolute.find('/'), "http://a:81");
    http_request_parser second;
    const auto again = second.next(as_bytes(absolute));
    REQUIRE(again.what == http_request_parser::status::complete);
    REQUIRE(again.consumed == absolute.size());
    REQUIRE(again.request.target == s.request.target);
    REQUIRE(again.request.path == s.request.path);
    REQUIRE(again.request.body == s.request.body);
    REQUIRE(again.request.upgrade == s.request.upgrade);
    REQUIRE(http_upstream_head(again.request) == rewritten);
  }
}

TEST_CASE("http: attributes for routing", "[proxy][http]") {
  const auto a =
      http_attributes(request_in("post http://a/x?y HTTP/1.1\r\nHost: h\r\nUser-Agent: curl\r\nX-A: "
                                 "1\r\nx-a: 2\r\nProxy-Authorization: Basic YTpi\r\n\r\n"));
  CHECK(a ==
        std::map<std::string, std::string>{
            {":method", "POST"}, {":path", "/x?y"}, {"host", "h"}, {"user-agent", "curl"}, {"x-a", "1, 2"}});
  const auto c = http_attributes(request_in("CONNECT a:1 HTTP/1.1\r\n\r\n"));
  CHECK(c == std::map<std::string, std::string>{{":method", "CONNECT"}});
}

TEST_CASE("http: the user of a request (RFC 7617)", "[proxy][http]") {
  CHECK(base64("Aladdin:open sesame") == "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  CHECK(who("Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n") == "Aladdin");
  CHECK(who("proxy-authorization:\tbasic  " + base64("alice:wonder:land") + " \r\n") == "alice");
  CHECK(who("Proxy-Authorization: BASIC Og==\r\n") == "");
  for (const std::string& fields :
       {std::string(), "Authorization: Basic " + base64("alice:wonder:land") + "\r\n",
        std::string("Proxy-Authorization:\r\n"), std::string("Proxy-Authorization: Basic\r\n"),
        std::string("Proxy-Authorization: Basic \r\n"), std::string("Proxy-Authorization: Digest x\r\n"),
        "Proxy-Authorization: Basic" + base64("alice:wonder:land") + "\r\n",
        "Proxy-Authorization: Basic " + base64("alice:wonder") + "\r\n",
        "Proxy-Authorization: Basic " + base64("alice") + "\r\n",
        "Proxy-Authorization: Basic " + base64("alicewonder:land") + "\r\n",
        "Proxy-Authorization: Basic " + base64("alice:wonder:land ") + "\r\n",
        "Proxy-Authorization: Basic " + base64("alice:wonder:land") + "=\r\n",
        "Proxy-Authorization: Basic " + base64("alice:wonder:land").substr(1) + "\r\n",
        "Proxy-Authorization: Basic " + base64("alice:wonder:land") + " x\r\n",
        std::string("Proxy-Authorization: Basic O=g=\r\n"), std::string("Proxy-Authorization: Basic Og=\r\n"),
        std::string("Proxy-Authorization: Basic ====\r\n"),
        std::string("Proxy-Authorization: Basic O***\r\n"),
        "Proxy-Authorization: Basic Og==\r\nProxy-Authorization: Basic " + base64("alice:wonder:land") +
            "\r\n"}) {
    CAPTURE(fields);
    CHECK_FALSE(who(fields));
  }
}

TEST_CASE("http: users and secrets of any bytes", "[proxy][http]") {
  std::mt19937_64 rng(17);
  for (int round = 0; round < 300; ++round) {
    const auto random_text = [&rng] {
      std::string text(rng() % 40, ' ');
      for (char& c : text) c = static_cast<char>(rng());
      return text;
    };
    std::string user = random_text();
    const std::string secret = random_text();
    std::erase(user, ':');
    accounts users;
    users.add(user, secret);
    const auto r = request_in(fmt::format("CONNECT a:1 HTTP/1.1\r\nProxy-Authorization: Basic {}\r\n\r\n",
                                          base64(user + ':' + secret)));
    const auto found = http_user(r, users);
    REQUIRE(found);
    REQUIRE(found->name == user);
  }
}

}  // namespace
}  // namespace http_test
