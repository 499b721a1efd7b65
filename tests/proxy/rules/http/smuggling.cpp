// Requests that two readers could read as two different ones: each is refused, or goes on with one reading
// only.
#include "catch.hpp"
#include "http_transcript.hpp"

namespace http_test {
namespace {

struct vector {
  const char* name;
  std::string_view head;  ///< the fields behind the first line and the Host
  const char* answer;     ///< "400", "501"
};

#define BYTES(literal) std::string_view(literal, sizeof literal - 1)

const vector vectors[] = {
    {"CL.TE", "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "400"},
    {"TE.CL", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "400"},
    {"TE.CL of 0", "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", "400"},
    {"CL.CL, different", "Content-Length: 6\r\nContent-Length: 5\r\n", "400"},
    {"CL.CL, the same", "Content-Length: 6\r\nContent-Length: 6\r\n", "400"},
    {"CL.CL, spelled differently", "Content-Length: 6\r\nCONTENT-LENGTH: 06\r\n", "400"},
    {"a list of CL", "Content-Length: 6, 6\r\n", "400"},
    {"CL with a sign", "Content-Length: +6\r\n", "400"},
    {"negative CL", "Content-Length: -6\r\n", "400"},
    {"hexadecimal CL", "Content-Length: 0x6\r\n", "400"},
    {"CL with a space inside", "Content-Length: 6 6\r\n", "400"},
    {"CL with a dot", "Content-Length: 6.0\r\n", "400"},
    {"CL with an exponent", "Content-Length: 1e1\r\n", "400"},
    {"CL with an underscore", "Content-Length: 1_0\r\n", "400"},
    {"empty CL", "Content-Length:\r\n", "400"},
    {"CL in other digits", "Content-Length: \xd9\xa6\r\n", "400"},
    {"CL of 2^64 + 6", "Content-Length: 18446744073709551622\r\n", "400"},
    {"CL of 2^63", "Content-Length: 9223372036854775808\r\n", "400"},
    {"TE.TE, the second unknown", "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", "400"},
    {"TE.TE, the first unknown", "Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n", "501"},
    {"TE.TE, both chunked", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "400"},
    {"a list of TE", "Transfer-Encoding: gzip, chunked\r\n", "501"},
    {"TE ends in identity", "Transfer-Encoding: chunked, identity\r\n", "501"},
    {"TE chunked twice", "Transfer-Encoding: chunked, chunked\r\n", "501"},
    {"TE identity", "Transfer-Encoding: identity\r\n", "501"},
    {"TE begins with x", "Transfer-Encoding: xchunked\r\n", "501"},
    {"TE with a parameter", "Transfer-Encoding: chunked;q=1\r\n", "501"},
    {"TE with a comma", "Transfer-Encoding: ,chunked\r\n", "501"},
    {"TE in quotes", "Transfer-Encoding: \"chunked\"\r\n", "501"},
    {"empty TE", "Transfer-Encoding:\r\n", "501"},
    {"TE with a Kelvin sign",
     "Transfer-Encoding: chun\xe2\x84\xaa"
     "ed\r\n",
     "501"},
    {"TE behind a vertical tab", "Transfer-Encoding:\vchunked\r\n", "400"},
    {"TE behind a form feed", "Transfer-Encoding: \fchunked\r\n", "400"},
    {"TE before a NUL", BYTES("Transfer-Encoding: chunked\0\r\n"), "400"},
    {"NUL in a name", BYTES("Transfer\0-Encoding: chunked\r\n"), "400"},
    {"space before the colon", "Transfer-Encoding : chunked\r\n", "400"},
    {"tab before the colon", "Content-Length\t: 6\r\n", "400"},
    {"line begins with a space", " Transfer-Encoding: chunked\r\n", "400"},
    {"folded TE", "Transfer-Encoding:\r\n chunked\r\n", "501"},
    {"folded behind another field", "X: y\r\n\tTransfer-Encoding: chunked\r\n", "400"},
    {"LF alone", "X: y\nTransfer-Encoding: chunked\r\n", "400"},
    {"CR alone", "X: y\rTransfer-Encoding: chunked\r\n", "400"},
    {"CR before CRLF", "X: y\r\r\nTransfer-Encoding: chunked\r\n", "400"},
    {"LF CR", "X: y\n\rTransfer-Encoding: chunked\r\n", "400"},
    {"LF alone ends the head", "X: y\n\nGET /admin HTTP/1.1\r\n", "400"},
    {"no colon", "Transfer-Encoding chunked\r\n", "400"},
    {"semicolon for a colon", "Transfer-Encoding; chunked\r\n", "400"},
    {"no name", ": chunked\r\n", "400"},
    {"DEL in a name", "Content\x7f-Length: 6\r\n", "400"},
    {"a name in quotes", "\"Content-Length\": 6\r\n", "400"},
    {"a name with a byte above 127", "Content\xadLength: 6\r\n", "400"},
    {"second Host", "Host: b\r\n", "400"},
    {"Host with a space before the colon", "Host : b\r\n", "400"},
    {"Connection takes CL away", "Content-Length: 6\r\nConnection: close, Content-Length\r\n", "400"},
    {"Connection takes TE away", "Transfer-Encoding: chunked\r\nConnection: transfer-encoding\r\n", "400"},
    {"Connection takes the Host away", "Connection: Host\r\n", "400"},
    {"Connection is no list", "Connection: close; Content-Length\r\n", "400"},
};

TEST_CASE("http: classic smuggling", "[proxy][http][smuggling]") {
  CHECK(std::size(vectors) > 20);
  for (const vector& v : vectors) {
    const std::string in = fmt::format("POST http://a/ HTTP/1.1\r\nHost: a\r\n{}\r\n0\r\n\r\nX", v.head);
    INFO(v.name);
    CHECK(head(in).substr(0, 4) == std::string(v.answer) + ' ');
  }
}

TEST_CASE("http: smuggling in the first line", "[proxy][http][smuggling]") {
  for (const std::string_view in :
       {BYTES("POST http://a/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
        BYTES("POST http://a/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
        BYTES("GET http://a/ HTTP/1.1\r\n Host: a\r\n\r\n"), BYTES("GET http://a/ HTTP/1.1\nHost: a\n\n"),
        BYTES("GET http://a/ HTTP/1.1\n\r\n"), BYTES("GET http://a/\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("GET http://a/ HTTP/1.1\r\n\r\n"), BYTES("GET http://a/ HTTP/1.1 HTTP/1.0\r\nHost: a\r\n\r\n"),
        BYTES("GET http://a/\rX HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("GET http://a/%0d%0a HTTP/1.1 \r\nHost: a\r\n\r\n"),
        BYTES("GET http://a@b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("CONNECT a:80 HTTP/1.1\r\nContent-Length: 5\r\n\r\n"),
        BYTES("CONNECT a:80 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"),
        BYTES("GET http://a/\r\n\r\n")}) {
    CAPTURE(in);
    CHECK(head(in).substr(0, 4) == "400 ");
  }
}

// What passes has one reading behind the proxy: the framing is written anew.
TEST_CASE("http: what goes on has one framing", "[proxy][http][smuggling]") {
  for (const auto& [fields, framing] :
       {std::pair{"Content-Length: 0006\r\n", "Content-Length: 6\r\n"},
        std::pair{"cOnTeNt-LeNgTh:6\r\n", "Content-Length: 6\r\n"},
        std::pair{"tRANSFER-eNCODING:\tCHUNKED\r\n", "Transfer-Encoding: chunked\r\n"}}) {
    const auto r = request_in(fmt::format("POST http://a/ HTTP/1.1\r\nHost: b\r\n{}\r\n", fields));
    CHECK(http_upstream_head(r) ==
          fmt::format("POST / HTTP/1.1\r\nHost: a\r\n{}Connection: close\r\n\r\n", framing));
  }
}

TEST_CASE("http: a second request behind the first goes nowhere", "[proxy][http][smuggling]") {
  const std::string_view in =
      "POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET http://a/admin "
      "HTTP/1.1\r\n\r\n";
  http_request_parser p;
  const auto s = p.next(as_bytes(in));
  REQUIRE(s.what == http_request_parser::status::complete);
  CHECK(body(s.request.body, in.substr(s.consumed)) == "done 5");
  const auto get = request_in("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(body(get.body, "GET /admin HTTP/1.1\r\n\r\n") == "done 0");
  CHECK(body(chunked, "5\r\nhello\r\n0\r\n\r\nGET /admin HTTP/1.1\r\n\r\n") == "done 15");
}

}  // namespace
}  // namespace http_test
