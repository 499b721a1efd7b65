// Answers of origins: how long they are, which have two readings and are refused, and what goes on to the
// client.
#include "catch.hpp"
#include "http_transcript.hpp"

#include <random>

namespace http_test {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

#define BYTES(literal) std::string_view(literal, sizeof literal - 1)

std::string answer_with(std::string_view fields) { return fmt::format("HTTP/1.1 200 OK\r\n{}\r\n", fields); }

TEST_CASE("http answer: golden heads", "[proxy][http]") {
  CHECK(answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello") ==
        "38: 200 HTTP/1.1 [OK] length 5 keeps; Content-Length=5");
  CHECK(answer("HTTP/1.1 404 Not \t Found\r\nTransfer-Encoding: chunked\r\n\r\n") ==
        "56: 404 HTTP/1.1 [Not \t Found] chunked keeps; Transfer-Encoding=chunked");
  CHECK(answer("HTTP/1.1 200\r\nX : y\r\nEmpty:\r\n\r\n") == "31: 200 HTTP/1.1 [] until close; X=y; Empty=");
  CHECK(answer("HTTP/1.1 200 \r\n\r\n") == "17: 200 HTTP/1.1 [] until close");
  CHECK(answer("HTTP/1.0 200 \x80\xff\r\nContent-Length: 0\r\n\r\n") ==
        "38: 200 HTTP/1.0 [\x80\xff] length 0; Content-Length=0");
  CHECK(answer("HTTP/1.7 999 x\r\n\r\n") == "18: 999 HTTP/1.1 [x] until close");
}

TEST_CASE("http answer: no prefix of a head is one", "[proxy][http]") {
  const std::string whole = answer_with("Content-Length: 5\r\n");
  for (std::size_t n = 0; n < whole.size(); ++n) CHECK(answer(whole.substr(0, n)) == "more");
}

TEST_CASE("http answer: the method and the status decide about a body (RFC 9112 section 6.3)",
          "[proxy][http]") {
  const auto framing = [](unsigned status, std::string_view fields, std::string_view method = "GET") {
    const std::string text = answer(fmt::format("HTTP/1.1 {} x\r\n{}\r\n", status, fields), method);
    const std::size_t at = text.find("[x] ") + 4;
    return text.substr(at, text.find(';') - at);
  };
  const std::string length = "Content-Length: 5\r\n", chunks = "Transfer-Encoding: chunked\r\n";
  for (const std::string& fields : {std::string(), length, chunks}) {
    for (const unsigned status : {100U, 102U, 103U, 199U, 204U, 304U})
      CHECK(framing(status, fields) == "none keeps");
    for (const unsigned status : {200U, 404U, 500U}) CHECK(framing(status, fields, "HEAD") == "none keeps");
    CHECK(framing(101, fields) == "none");
  }
  for (const unsigned status : {200U, 201U, 205U, 206U, 301U, 305U, 400U, 599U}) {
    CHECK(framing(status, "") == "until close");
    CHECK(framing(status, length) == "length 5 keeps");
    CHECK(framing(status, chunks) == "chunked keeps");
    CHECK(framing(status, length, "head") == "length 5 keeps");
  }
}

TEST_CASE("http answer: whether the origin waits for another request", "[proxy][http]") {
  const auto keeps = [](std::string_view version, std::string_view connection) {
    return response_in(fmt::format("HTTP/{} 200 OK\r\nContent-Length: 0\r\n{}\r\n", version, connection))
        .keeps;
  };
  CHECK(keeps("1.1", ""));
  CHECK(keeps("1.1", "Connection: keep-alive, x\r\n"));
  CHECK_FALSE(keeps("1.1", "Connection: x\r\nConnection: keep-alive, Close\r\n"));
  CHECK_FALSE(keeps("1.0", ""));
  CHECK(keeps("1.0", "Connection: Keep-Alive\r\n"));
  CHECK_FALSE(keeps("1.0", "Keep-Alive: timeout=5\r\n"));
  CHECK_FALSE(response_in("HTTP/1.1 200 OK\r\n\r\n").keeps);
}

TEST_CASE("http answer: which origins authenticate connections", "[proxy][http]") {
  const auto binds = [](std::string_view challenge) {
    return response_in(answer_with(fmt::format("WWW-Authenticate: {}\r\n", challenge)))
        .authenticates_connection;
  };
  CHECK(binds("NTLM"));
  CHECK(binds("Negotiate oYG2MIGzoAMKAQ=="));
  CHECK(binds("Basic realm=\"x\", ntlm"));
  CHECK_FALSE(binds("Basic realm=\"NTLM\""));
  CHECK_FALSE(binds("Digest realm=x, nonce=\"y\""));
}

TEST_CASE("http answer: two readings of one answer are refused", "[proxy][http][smuggling]") {
  const std::string_view fields[] = {
      "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
      "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
      "Content-Length: 6\r\nContent-Length: 5\r\n",
      "Content-Length: 6, 5\r\n",
      "Content-Length: +6\r\n",
      "Content-Length: -6\r\n",
      "Content-Length: 0x6\r\n",
      "Content-Length: 6 6\r\n",
      "Content-Length:\r\n",
      "Content-Length: ,\r\n",
      "Content-Length: 18446744073709551622\r\n",
      "Content-Length: 9223372036854775808\r\n",
      "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
      "Transfer-Encoding: gzip, chunked\r\n",
      "Transfer-Encoding: chunked, identity\r\n",
      "Transfer-Encoding: identity\r\n",
      "Transfer-Encoding: xchunked\r\n",
      "Transfer-Encoding:\r\n",
      "Transfer-Encoding:\vchunked\r\n",
      BYTES("Transfer-Encoding: chunked\0\r\n"),
      BYTES("X: \0\r\n"),
      " X: y\r\n",
      "X: y\r\n\tTransfer-Encoding: chunked\r\n",
      "X: y\r\n Set-Cookie: z\r\n",
      "X: y\nTransfer-Encoding: chunked\r\n",
      "X: y\rSet-Cookie: z\r\n",
      "X: y\r\r\n",
      "X: y\n\r\n",
      "X: y\n\nHTTP/1.1 200 OK\r\n",
      "X: \x7f\r\n",
      "X\r\n",
      ": y\r\n",
      "X y: z\r\n",
      "X\x80: z\r\n",
  };
  for (const std::string_view f : fields)
    for (const char* method : {"GET", "HEAD"}) {
      CAPTURE(f, method);
      CHECK_THAT(answer(answer_with(f), method), StartsWith("refused: The target's answer has"));
    }
  CHECK_THAT(answer("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), StartsWith("refused: "));
}

TEST_CASE("http answer: one length that is given twice is one length", "[proxy][http]") {
  for (const char* fields : {"Content-Length: 6\r\nContent-Length: 6\r\n", "Content-Length: 6, 6\r\n",
                             "Content-Length: 6\r\ncontent-length: 06\r\n", "Content-Length : 6\r\n"}) {
    CAPTURE(fields);
    const http_response r = response_in(answer_with(fields));
    CHECK(r.body == http_framing{http_framing::kind::length, 6});
    CHECK(http_client_head(r, {}) == "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n");
  }
}

TEST_CASE("http answer: first lines that are refused", "[proxy][http]") {
  for (const std::string_view line : {"ICY 200 OK",
                                      "HTTP/2.0 200 OK",
                                      "HTTP/0.9 200 OK",
                                      "http/1.1 200 OK",
                                      " HTTP/1.1 200 OK",
                                      "HTTP/1.1",
                                      "HTTP/1.1 ",
                                      "HTTP/1.1 20",
                                      "HTTP/1.1 20 x",
                                      "HTTP/1.1 099 x",
                                      "HTTP/1.1 2000 x",
                                      "HTTP/1.1 2x0 x",
                                      "HTTP/1.1  200 x",
                                      "HTTP/1.1\t200 x",
                                      "HTTP/1.11 200 x",
                                      "HTTP/1.x 200 x",
                                      "HTTP/1.1 200x",
                                      "HTTP/1.1 -20 x",
                                      "",
                                      "<html>",
                                      "HTTP/1.1 200\tOK"}) {
    CAPTURE(line);
    CHECK_THAT(answer(fmt::format("{}\r\nContent-Length: 0\r\n\r\n", line)),
               StartsWith("refused: The target"));
  }
}

TEST_CASE("http answer: limits of a head", "[proxy][http]") {
  const std::string line = "HTTP/1.1 200 OK\r\n";
  const auto limited = [](const std::string& in, http_head_limits limits) {
    return describe(http_response_parser("GET", limits).next(as_bytes(in)));
  };
  const std::string two = line + "X: y\r\nX: y\r\n\r\n";
  CHECK_THAT(limited(two, {two.size(), 2}), ContainsSubstring("200 HTTP/1.1"));
  CHECK(limited(two, {two.size() - 1, 2}) == "refused: The head of the target's answer is too long.");
  CHECK(limited(two, {1000, 1}) == "refused: The target's answer has too many fields.");
  CHECK(limited(line + std::string(70000, 'x'), {}) ==
        "refused: The head of the target's answer is too long.");
}

std::string for_client(std::string_view head, http_client_form form = {}, std::string_view method = "GET") {
  return http_client_head(response_in(head, method), form);
}

TEST_CASE("http answer: golden rewrites", "[proxy][http]") {
  CHECK(for_client("HTTP/1.0 200 OK\r\nDate: x\r\nContent-Length: 005\r\nServer: y\r\n\r\n") ==
        "HTTP/1.1 200 OK\r\nDate: x\r\nServer: y\r\nContent-Length: 5\r\n\r\n");
  CHECK(for_client("HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\nTrailer: X\r\n\r\n") ==
        "HTTP/1.1 200 OK\r\nTrailer: X\r\nTransfer-Encoding: chunked\r\n\r\n");
  CHECK(for_client("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n", {false, true}) ==
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
  CHECK(for_client("HTTP/1.1 200\r\n\r\n", {true, true}) == "HTTP/1.1 200 \r\nConnection: close\r\n\r\n");
  CHECK(for_client("HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 9\r\n\r\n") ==
        "HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 9\r\n\r\n");
  CHECK(for_client("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n") ==
        "HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(for_client("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", {}, "HEAD") ==
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
  CHECK(for_client("HTTP/1.1 103 Early Hints\r\nLink: x\r\nConnection: close\r\n\r\n") ==
        "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
  CHECK(for_client(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: tcp\r\nConnection: upgrade, x\r\nX: 1\r\n\r\n") ==
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n");
  CHECK(for_client("HTTP/1.1 426 x\r\nUpgrade: TLS/1.0\r\nContent-Length: 0\r\n\r\n") ==
        "HTTP/1.1 426 x\r\nUpgrade: TLS/1.0\r\nContent-Length: 0\r\nConnection: Upgrade\r\n\r\n");
}

TEST_CASE("http answer: fields that end at this hop", "[proxy][http]") {
  for (const char* field :
       {"Connection: keep-alive", "connection: close", "Keep-Alive: timeout=5",
        "Proxy-Connection: keep-alive", "Proxy-Authenticate: Basic", "Proxy-Authentication-Info: x",
        "TE: trailers", "Upgrade: h2c", "Connection: close, X-Hop\r\nX-Hop: 1\r\nx-hop: 2",
        "X-Hop: 1\r\nConnection: ,, x-HOP", "Connection: (no token), x\r\nX: 1"}) {
    CAPTURE(field);
    CHECK(for_client(answer_with(fmt::format("{}\r\nContent-Length: 0\r\nX-End: 1\r\n", field))) ==
          "HTTP/1.1 200 OK\r\nX-End: 1\r\nContent-Length: 0\r\n\r\n");
  }
}

TEST_CASE("http answer: what was rewritten, read again, has the same framing", "[proxy][http]") {
  std::mt19937_64 rng(19);
  const std::string_view fields[] = {
      "X-A: 1\r\n",       "Content-Length: 7\r\n",          "Connection: x-a, close\r\n",
      "Upgrade: tcp\r\n", "Transfer-Encoding: chunked\r\n", "Trailer: X\r\n",
      "Keep-Alive: 5\r\n"};
  const unsigned statuses[] = {100, 101, 200, 204, 206, 304, 404, 426};
  const std::string_view methods[] = {"GET", "HEAD", "POST"};
  for (int round = 0; round < 5000; ++round) {
    const std::string_view method = methods[rng() % std::size(methods)];
    std::string in = fmt::format("HTTP/1.{} {} x\r\n", rng() % 2, statuses[rng() % std::size(statuses)]);
    for (std::size_t n = rng() % 6; n != 0; --n) in += fields[rng() % std::size(fields)];
    in += "\r\n";
    const auto first = http_response_parser(method).next(as_bytes(in));
    if (first.what != http_response_parser::status::complete) continue;
    const http_client_form form{rng() % 4 != 0, rng() % 2 == 0};
    const std::string head = http_client_head(first.response, form);
    const auto again = http_response_parser(method).next(as_bytes(head));
    REQUIRE(again.what == http_response_parser::status::complete);
    REQUIRE(again.consumed == head.size());
    REQUIRE(again.response.status == first.response.status);
    if (form.dechunks(first.response.body))
      REQUIRE(again.response.body.what == http_framing::kind::until_close);
    else
      REQUIRE(again.response.body == first.response.body);
  }
}

TEST_CASE("http answer: any bytes in any cut give the same result", "[proxy][http]") {
  std::mt19937_64 rng(23);
  const std::string good[] = {
      "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nX: y\r\nConnection: close\r\n\r\nhello",
      "HTTP/1.0 404 Not Found\r\nContent-Type: text/html\r\n\r\n",
      "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\nWWW-Authenticate: NTLM\r\n\r\n0\r\n\r\n"};
  for (int round = 0; round < 20000; ++round) {
    const std::string in = mutated(good[rng() % std::size(good)], rng);
    const std::vector<std::size_t> pieces = pieces_of(in.size(), rng);
    REQUIRE(answer_in_pieces(in) == answer_in_pieces(in, "GET", pieces));
  }
}

}  // namespace
}  // namespace http_test
