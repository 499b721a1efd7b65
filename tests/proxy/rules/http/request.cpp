// Heads of requests to a forward proxy: what they ask for, and which are refused.
#include "catch.hpp"
#include "http_transcript.hpp"

#include <random>

namespace http_test {
namespace {

using Catch::Matchers::ContainsSubstring;

std::string get(std::string_view target, std::string_view fields = "Host: a\r\n") {
  return fmt::format("GET {} HTTP/1.1\r\n{}\r\n", target, fields);
}
std::string connect(std::string_view target) {
  return fmt::format("CONNECT {} HTTP/1.1\r\nHost: a\r\n\r\n", target);
}
std::string with(std::string_view fields) { return get("http://a/", fmt::format("Host: a\r\n{}", fields)); }

TEST_CASE("http: golden heads", "[proxy][http]") {
  CHECK(head("GET http://example.com/x?y HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\n\r\n") ==
        "71: GET HTTP/1.1 tcp:example.com:80 /x?y; Host=example.com; Accept=*/*");
  CHECK(head("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n\x16\x03\x01") ==
        "59: CONNECT HTTP/1.1 tcp:example.com:443 ; Host=example.com:443");
  CHECK(head("POST http://[2001:db8::1]:8080/ HTTP/1.0\r\nContent-Length: 005\r\n\r\nhello") ==
        "65: POST HTTP/1.0 tcp:[2001:db8::1]:8080 / length 5; Content-Length=005");
  CHECK(head("PUT HTTP://A/ HTTP/1.1\r\nHost:a\r\nTransfer-Encoding:\t Chunked \t\r\n\r\n0\r\n\r\n") ==
        "65: PUT HTTP/1.1 tcp:A:80 / chunked; Host=a; Transfer-Encoding=Chunked");
  CHECK(head("CONNECT a:1 HTTP/1.0\r\n\r\n") == "24: CONNECT HTTP/1.0 tcp:a:1 ");
  CHECK(head("CONNECT a:1 HTTP/1.1\r\nContent-Length: 0\r\n\r\n") ==
        "43: CONNECT HTTP/1.1 tcp:a:1  length 0; Content-Length=0");
  CHECK(head("M-SEARCH http://a/ HTTP/1.0\r\n\r\n") == "31: M-SEARCH HTTP/1.0 tcp:a:80 /");
  CHECK(head(with("X: \x80\xff \t y\r\nEmpty:\r\n")) ==
        "54: GET HTTP/1.1 tcp:a:80 /; Host=a; X=\x80\xff \t y; Empty=");
}

TEST_CASE("http: no prefix of a head is one", "[proxy][http]") {
  const std::string whole = with("Accept: */*\r\n");
  for (std::size_t n = 0; n < whole.size(); ++n) CHECK(head(whole.substr(0, n)) == "more");
}

TEST_CASE("http: targets", "[proxy][http]") {
  const std::pair<const char*, const char*> all[] = {
      {"http://a", "tcp:a:80 /"},
      {"http://a:81", "tcp:a:81 /"},
      {"http://a?x=/y", "tcp:a:80 /?x=/y"},
      {"http://a/?", "tcp:a:80 /?"},
      {"http://a//b/../%2e;c@d:e?f?g", "tcp:a:80 //b/../%2e;c@d:e?f?g"},
      {"http://A.B./", "tcp:A.B.:80 /"},
      {"http://192.0.2.1:65535/", "tcp:192.0.2.1:65535 /"},
      {"http://[::1]/", "tcp:[::1]:80 /"},
      {"http://[::FFFF:127.0.0.1]:8/", "tcp:[::ffff:127.0.0.1]:8 /"},
      {"http://a:0080/", "tcp:a:80 /"},
      {"http://a:/x", "tcp:a:80 /x"},
      {"http://[::1]:/x", "tcp:[::1]:80 /x"},
      {"http://127.0.0.1:?x", "tcp:127.0.0.1:80 /?x"},
      {"http://ex%61mple%2ecom%2D%5fx:81/%61", "tcp:example.com-_x:81 /%61"},
      {"http://%31%32%37.0.0.1/", "tcp:127.0.0.1:80 /"},
  };
  for (const auto& [target, meant] : all) CHECK_THAT(head(get(target)), ContainsSubstring(meant));
  CHECK_THAT(head("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n"), ContainsSubstring("tcp:a:80 *"));
  CHECK_THAT(head("OPTIONS http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), ContainsSubstring("tcp:a:80 /"));
  CHECK_THAT(head("OPTIONS http://a?b HTTP/1.1\r\nHost: a\r\n\r\n"), ContainsSubstring("tcp:a:80 /?b"));
  CHECK_THAT(head(connect("ex%61mple.com:443")), ContainsSubstring("tcp:example.com:443 "));
  CHECK_THAT(head(connect("[2001:db8::1]:443")), ContainsSubstring("tcp:[2001:db8::1]:443 "));
}

TEST_CASE("http: targets that are refused", "[proxy][http]") {
  for (const char* target : {"/", "/x", "*", "a", "a:80", "http:/a", "http:a", "httpx//a", "//a/"})
    CHECK(head(get(target)) == "400 The target is not an absolute URI: this is a proxy.");
  for (const char* target : {"https://a/", "ftp://a/", "HTTPS://a", "ws://a/", "://a"})
    CHECK(head(get(target)) == "501 The proxy forwards http; ask for others by CONNECT.");
  for (const char* target : {"http://",
                             "http:///x",
                             "http://?x",
                             "http://:80/",
                             "http://a:0/",
                             "http://a:65536/",
                             "http://a:80:80/",
                             "http://a:+80/",
                             "http://a:8o/",
                             "http://user@a/",
                             "http://user:secret@a/",
                             "http://a\\@b/",
                             "http://[::1/",
                             "http://::1/",
                             "http://[::1]x/",
                             "http://[::1]80/",
                             "http://[127.0.0.1]/",
                             "http://[a]/",
                             "http://a%00/",
                             "http://a%2/",
                             "http://a%",
                             "http://a%2fb/",
                             "http://a%40b/",
                             "http://%3a%3a1/",
                             "http://127.0.0.1%3a80/",
                             "http://%5b::1%5d/",
                             "http://a%0d%0ab/",
                             "http://a%20b/",
                             "http://a%gg/",
                             "http://%c3%bc/",
                             "http://a,b/",
                             "http://[fe80::1%25eth0]/",
                             "http://[]/"})
    CHECK(head(get(target)) == "400 The target has no valid host.");
  for (const char* target : {"http://a/#x", "http://a#", "http://b\xc3\xbc/", "http://a/\xff"})
    CHECK(head(get(target)) == "400 The target has characters that a URI must not have.");
  for (const char* target : {"a", "a:", "a:0", "a:65536", "a:http", ":443", "http://a:443", "a:443/",
                             "user@a:443", "[::1]", "::1:443", "a:1:2", "[a]:443", "/", "*", "a..b/c:1"})
    CHECK(head(connect(target)) == "400 The target of a CONNECT is not HOST:PORT.");
  CHECK_THAT(head(get("http://" + std::string(255, 'a') + "/")), ContainsSubstring("tcp:aaa"));
  CHECK_THAT(head(get("http://" + std::string(256, 'a') + "/")), ContainsSubstring("400 "));
}

TEST_CASE("http: first lines that are refused", "[proxy][http]") {
  const auto first = [](std::string_view line) { return head(fmt::format("{}\r\nHost: a\r\n\r\n", line)); };
  for (const char* line :
       {"GET", "GET ", "GET http://a/", "GET  http://a/ HTTP/1.1", "GET http://a/  HTTP/1.1",
        "GET http://a/ b HTTP/1.1", "GET http://a/ HTTP/1.1 ", " GET http://a/ HTTP/1.1"})
    CHECK(first(line) == "400 The first line is not METHOD TARGET VERSION.");
  for (const char* line : {"GET http://a/ HTTP/1.2", "GET http://a/ HTTP/2.0", "GET http://a/ http/1.1",
                           "GET http://a/ HTTP/1.10", "GET http://a/ HTTP/1", "GET http://a/ HTTP/01.1",
                           "GET http://a/ ICY/1.1", "PRI * HTTP/2.0"})
    CHECK(first(line) == "400 The version is not HTTP/1.0 or HTTP/1.1.");
  for (const char* line : {"G(T http://a/ HTTP/1.1", "GET: http://a/ HTTP/1.1",
                           "G\xc3\x8bT http://a/ HTTP/1.1", "\"GET\" http://a/ HTTP/1.1"})
    CHECK(first(line) == "400 The method is not a name.");
  CHECK(first("GET\thttp://a/\tHTTP/1.1") == "400 The first line is not METHOD TARGET VERSION.");
  CHECK(first("GET \thttp://a/ HTTP/1.1") == "400 The target has characters that a URI must not have.");
  CHECK(first("TRACE http://a/ HTTP/1.1") == "405 The proxy does not serve TRACE.");
  CHECK(head("OPTIONS http://a/ HTTP/1.1\r\nHost: a\r\nMax-Forwards: 1\r\n\r\n") ==
        "501 The proxy does not count Max-Forwards.");
}

TEST_CASE("http: one Host, and a host that can be", "[proxy][http]") {
  CHECK(head(get("http://a/", "")) == "400 There is no Host field.");
  CHECK(head("GET http://a/ HTTP/1.0\r\n\r\n") == "26: GET HTTP/1.0 tcp:a:80 /");
  CHECK(head(get("http://a/", "Host: a\r\nHost: a\r\n")) == "400 There are several Host fields.");
  CHECK(head(get("http://a/", "Host: a\r\nhOST: b\r\n")) == "400 There are several Host fields.");
  CHECK(head("CONNECT a:1 HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n") == "400 There are several Host fields.");
  for (const char* host : {"a, b", "a b", "user@a", "a/", "http://a", "a:x", "a:0", "a:99999", "[::1", "[a]",
                           "a?b", "a#b", "\"a\""})
    CHECK(head(get("http://a/", fmt::format("Host: {}\r\n", host))) ==
          "400 The Host field is not a valid host.");
  for (const char* host :
       {"", "a:", ":80", "[::1]", "[::1]:", "[::1]:81", "*", "a%2eb", "xn--bcher-kva.example", "a,b"}) {
    CHECK_THAT(head(get("http://a/", fmt::format("Host: {}\r\n", host))), ContainsSubstring("tcp:a:80 /"));
    CHECK_THAT(head(fmt::format("CONNECT a:1 HTTP/1.1\r\nHost: {}\r\n\r\n", host)),
               ContainsSubstring("tcp:a:1 "));
  }
  CHECK_THAT(head(get("http://a/", "Host: other:8080\r\n")),
             ContainsSubstring("tcp:a:80 /; Host=other:8080"));
}

TEST_CASE("http: every byte of a head but some is refused at once", "[proxy][http]") {
  for (int c = 0; c < 256; ++c) {
    const auto at_end = [c](std::string head_so_far) { return head(head_so_far + static_cast<char>(c)); };
    const std::string in_value = at_end("GET http://a/ HTTP/1.1\r\nX: y");
    INFO(c);
    if (c == '\r' || c == '\t' || (c >= 0x20 && c != 0x7f))
      CHECK(in_value == "more");
    else
      CHECK(in_value == (c == '\n' ? "400 A line does not end in CRLF."
                                   : "400 There is a control character in the head."));
    CHECK((at_end("GET http://a/ HTTP/1.1\r") == "more") == (c == '\n'));
  }
}

TEST_CASE("http: which bytes a field's name may have", "[proxy][http]") {
  for (int c = 0x21; c < 256; ++c) {
    if (c == 0x7f || c == ':') continue;
    const bool token =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
        std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
    const std::string said = head(with(fmt::format("X{}: y\r\n", static_cast<char>(c))));
    INFO(c);
    if (token)
      CHECK_THAT(said, ContainsSubstring("GET HTTP/1.1"));
    else
      CHECK(said == "400 The name of a field is not a token.");
  }
}

TEST_CASE("http: limits of a head", "[proxy][http]") {
  constexpr std::size_t most = http_request_parser::max_head;
  const std::string line = "GET http://a/ HTTP/1.0\r\n";
  const auto of_size = [&](std::size_t n) {
    return line + "X: " + std::string(n - line.size() - 7, 'x') + "\r\n\r\n";
  };
  CHECK_THAT(head_in_pieces(of_size(most)), ContainsSubstring("65536: GET"));
  CHECK(head_in_pieces(of_size(most + 1)) == "431 The head of the request is too long.");
  CHECK(head_in_pieces(of_size(most + 1), std::vector<std::size_t>(most + 1, 1)) ==
        "431 The head of the request is too long.");
  CHECK(head_in_pieces(std::string(most - 1, 'x')) == "more");
  CHECK(head_in_pieces(std::string(most, 'x')) == "431 The head of the request is too long.");

  const auto with_fields = [&](std::size_t n) {
    std::string in = line;
    for (; n != 0; --n) in += "X: y\r\n";
    return in + "\r\n";
  };
  CHECK_THAT(head_in_pieces(with_fields(256)), ContainsSubstring("GET HTTP/1.0"));
  CHECK(head_in_pieces(with_fields(257)) == "431 The request has too many fields.");

  const auto limited = [](const std::string& in, http_head_limits limits) {
    return describe(http_request_parser(limits).next(as_bytes(in)));
  };
  CHECK_THAT(limited(with_fields(2), {40, 2}), ContainsSubstring("38: GET"));
  CHECK(limited(with_fields(3), {100, 2}) == "431 The request has too many fields.");
  CHECK_THAT(limited(with_fields(2), {38, 2}), ContainsSubstring("38: GET"));
  CHECK(limited(with_fields(2), {37, 2}) == "431 The head of the request is too long.");
  CHECK(limited(std::string(40, '\r'), {40, 2}) == "400 A line does not end in CRLF.");
}

TEST_CASE("http: empty lines before a request are skipped", "[proxy][http]") {
  const std::string whole = get("http://a/");
  CHECK(head("\r\n" + whole) == "37: GET HTTP/1.1 tcp:a:80 /; Host=a");
  CHECK(head("\r\n\r\n" + whole + "X") == "39: GET HTTP/1.1 tcp:a:80 /; Host=a");
  CHECK(head("\r\n") == "more");
  CHECK(head("\r\n\r") == "more");
  CHECK(head("\n" + whole) == "400 A line does not end in CRLF.");
  CHECK(head("\r\r\n" + whole) == "400 A line does not end in CRLF.");
  CHECK(head("\r\n " + whole) == "400 The first line is not METHOD TARGET VERSION.");
  std::string flood;
  for (std::size_t n = 0; n < http_request_parser::max_head; n += 2) flood += "\r\n";
  CHECK(head_in_pieces(flood) == "431 The head of the request is too long.");
}

TEST_CASE("http: the protocols of an upgrade", "[proxy][http]") {
  const auto asked = [](std::string_view in) { return request_in(in).upgrade; };
  CHECK(asked(with("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n")) ==
        "websocket");
  CHECK(asked(with("Connection: keep-alive, upgrade\r\nUpgrade: SPDY/3.1\r\n")) == "SPDY/3.1");
  CHECK(asked(with("Upgrade: tcp\r\nConnection: Upgrade\r\nContent-Length: 2\r\n")) == "tcp");
  CHECK(asked("POST http://a/ HTTP/1.1\r\nHost: a\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n") == "tcp");
  CHECK(asked(with("Upgrade: websocket, h2c,x/1\r\nConnection: Upgrade\r\n")) == "websocket, x/1");
  CHECK(asked(with("Upgrade: H2C\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")) == "websocket");
  CHECK(asked(with("Upgrade: a b, c/d/e, /f, g/, (h)\r\nConnection: Upgrade\r\n")).empty());
  CHECK(asked(with("Upgrade: h2c\r\nConnection: Upgrade\r\n")).empty());
  CHECK(asked(with("Upgrade: websocket\r\n")).empty());
  CHECK(asked(with("Connection: Upgrade\r\n")).empty());
  CHECK(asked("GET http://a/ HTTP/1.0\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n").empty());
  CHECK(asked("CONNECT a:1 HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n").empty());
}

TEST_CASE("http: whether another request may follow", "[proxy][http]") {
  const auto keeps = [](std::string_view in) { return request_in(in).keeps; };
  CHECK(keeps(with("")));
  CHECK(keeps(with("Proxy-Connection: keep-alive\r\n")));
  CHECK(keeps(with("Connection: closed\r\n")));
  CHECK_FALSE(keeps(with("Connection: close\r\n")));
  CHECK_FALSE(keeps(with("Connection: keep-alive, CLOSE\r\n")));
  CHECK_FALSE(keeps(with("Proxy-Connection: Close\r\n")));
  CHECK_FALSE(keeps("GET http://a/ HTTP/1.0\r\n\r\n"));
  CHECK_FALSE(keeps("GET http://a/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
}

TEST_CASE("http: any bytes in any cut give the same result", "[proxy][http]") {
  std::mt19937_64 rng(11);
  const std::string good[] = {
      "POST http://example.com:8080/a?b HTTP/1.1\r\nHost: example.com\r\nContent-Length: 12\r\nX: y\r\n\r\n",
      "CONNECT [::1]:443 HTTP/1.1\r\nHost: a\r\nProxy-Authorization: Basic YTpi\r\n\r\n",
      "GET http://a HTTP/1.0\r\nConnection: keep-alive, x\r\n\r\n"};
  for (int round = 0; round < 20000; ++round) {
    const std::string in = mutated(good[rng() % std::size(good)], rng);
    const std::vector<std::size_t> pieces = pieces_of(in.size(), rng);
    REQUIRE(head_in_pieces(in) == head_in_pieces(in, pieces));
  }
}

}  // namespace
}  // namespace http_test
