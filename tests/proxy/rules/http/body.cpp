// Where bodies end, and what they hold.
#include "catch.hpp"
#include "http_transcript.hpp"

#include <initializer_list>
#include <random>

namespace http_test {
namespace {

http_framing counted_body(std::uint64_t n) { return {http_framing::kind::length, n}; }

TEST_CASE("http body: by its length", "[proxy][http]") {
  CHECK(body({}, "") == "done 0");
  CHECK(body({}, "GET") == "done 0");
  CHECK(body(counted_body(0), "GET") == "done 0");
  CHECK(body(counted_body(5), "") == "more 0");
  CHECK(body(counted_body(5), "hell") == "more 4");
  CHECK(body(counted_body(5), "hello") == "done 5");
  CHECK(body(counted_body(5), "helloGET") == "done 5");
  CHECK(body(counted_body(9223372036854775807U), "hello") == "more 5");
}

TEST_CASE("http body: chunks", "[proxy][http]") {
  CHECK(body(chunked, "0\r\n\r\n") == "done 5");
  CHECK(body(chunked, "0\r\n\r\nGET") == "done 5");
  CHECK(body(chunked, "4\r\nWiki\r\n5\r\npedia\r\n0\r\n\r\nX") == "done 24");
  CHECK(body(chunked, "A\r\n0123456789\r\n0a\r\n0123456789\r\n000\r\n\r\n") == "done 38");
  CHECK(body(chunked, "0000000000000001\r\nx\r\n0\r\n\r\n") == "done 26");
  CHECK(body(chunked, "5;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n\r\nX") == "done 29");
  CHECK(body(chunked, "5;\r\nhello\r\n0\r\n\r\n") == "done 16");
  CHECK(body(chunked, "2\r\n\r\n\r\n0\r\n\r\n") == "done 12");
  CHECK(body(chunked, "0\r\nX-Sum: 1\r\nY:\r\n\r\nX") == "done 19");
  CHECK(body(chunked, "ffffffffffffffff\r\nxyz") == "more 21");
  for (std::string_view whole = "5;a\r\nhello\r\n0\r\nX: y\r\n\r\n";
       std::size_t n : std::initializer_list<std::size_t>{0, 1, 3, 9, 12, 16, 20, 22})
    CHECK(body(chunked, whole.substr(0, n)) == fmt::format("more {}", n));
}

TEST_CASE("http body: chunks that are refused", "[proxy][http][smuggling]") {
  const std::string no_number = "The size of a chunk is not a hexadecimal number.",
                    no_size = "A chunk has no size.",
                    no_end = "A line of the chunked body does not end in CRLF.",
                    longer = "A chunk is longer than its size.",
                    trailer = "A trailer of the chunked body is malformed.",
                    digits = "The size of a chunk has too many digits.",
                    control = "A chunk has an extension with a control character.";
  const std::pair<std::string_view, std::string> all[] = {
      {"\r\n", "0: " + no_size},
      {";a\r\n", "0: " + no_size},
      {" 5\r\nhello", "0: " + no_size},
      {"-5\r\n", "0: " + no_size},
      {"+5\r\n", "0: " + no_size},
      {"x5\r\n", "0: " + no_size},
      {"0x5\r\nhello", "1: " + no_number},
      {"5 \r\nhello", "1: " + no_number},
      {"5 ;a\r\nhello", "1: " + no_number},
      {"5\thello", "1: " + no_number},
      {"5g\r\n", "1: " + no_number},
      {"5\nhello\r\n", "1: " + no_number},
      {"5,5\r\n", "1: " + no_number},
      {"00000000000000005\r\nhello", "16: " + digits},
      {"fffffffffffffffff\r\n", "16: " + digits},
      {"5\rhello", "2: " + no_end},
      {"5;\nhello", "2: " + control},
      {"5;a\nhello", "3: " + control},
      {"5;a\rXhello", "4: " + no_end},
      {"5;\x7f\r\n", "2: " + control},
      {std::string_view("5;\0\r\n", 5), "2: " + control},
      {"5\r\nhelloX\r\n", "8: " + longer},
      {"5\r\nhello0\r\n\r\n", "8: " + longer},
      {"5\r\nhello\n0\r\n", "8: " + longer},
      {"5\r\nhello\rX", "9: " + no_end},
      {"5\r\nhello\r\n\r\n", "10: " + no_size},
      {"0\r\n\n", "3: " + trailer},
      {"0\r\n\rX", "4: " + trailer},
      {"0\r\n X: y\r\n\r\n", "3: " + trailer},
      {"0\r\n: y\r\n\r\n", "3: " + trailer},
      {"0\r\nX : y\r\n\r\n", "4: " + trailer},
      {"0\r\nX\r\n\r\n", "4: " + trailer},
      {"0\r\nX: y\n\r\n", "7: " + trailer},
      {"0\r\nX: y\rZ", "8: " + trailer},
      {"0\r\nX: y\r\n z\r\n\r\n", "9: " + trailer},
      {std::string_view("0\r\nX: \0\r\n\r\n", 11), "6: " + trailer},
  };
  for (const auto& [in, expected] : all) {
    CAPTURE(in);
    CHECK(body(chunked, in) == "refused " + expected);
  }
}

TEST_CASE("http body: lines of chunks have limits", "[proxy][http]") {
  const auto extended = [](std::size_t line) {
    return "5;" + std::string(line - 2, 'x') + "\r\nhello\r\n0\r\n\r\n";
  };
  CHECK(body(chunked, extended(http_body::max_chunk_line)) == fmt::format("done {}", 256 + 14));
  CHECK(body(chunked, extended(http_body::max_chunk_line + 1)) ==
        "refused 256: A chunk has an extension that is too long.");
  const auto trailed = [](std::size_t n) { return "0\r\nX:" + std::string(n - 4, 'x') + "\r\n\r\n"; };
  CHECK(body_in_pieces(chunked, trailed(http_body::max_trailers)) == fmt::format("done {}", 8192 + 5));
  CHECK(body_in_pieces(chunked, trailed(http_body::max_trailers + 1)) ==
        "refused 8195: The trailers of the chunked body are too long.");
  std::string many = "0\r\n";
  for (int i = 0; i < 5000; ++i) many += "X:y\r\n";
  CHECK_THAT(body_in_pieces(chunked, many), Catch::Matchers::StartsWith("refused"));
}

TEST_CASE("http body: random chunks end where they end", "[proxy][http]") {
  std::mt19937_64 rng(19);
  for (int round = 0; round < 2000; ++round) {
    std::string in;
    for (std::size_t n = rng() % 6; n != 0; --n) {
      const std::size_t size = 1 + rng() % 300;
      in += rng() % 2 ? fmt::format("{:x}", size) : fmt::format("{:06X}", size);
      in += rng() % 3 ? "\r\n" : ";x=\"y\"\r\n";
      for (std::size_t i = 0; i < size; ++i) in += static_cast<char>(rng());
      in += "\r\n";
    }
    in += rng() % 2 ? "0\r\n\r\n" : "00;last\r\nSum: 1\r\n\r\n";
    const std::size_t end = in.size();
    in.append(rng() % 20, '0');
    std::vector<std::size_t> pieces;
    for (std::size_t sum = 0; sum < in.size(); sum += pieces.back()) pieces.push_back(1 + rng() % 100);
    REQUIRE(body_in_pieces(chunked, in) == fmt::format("done {}", end));
    REQUIRE(body_in_pieces(chunked, in, pieces) == fmt::format("done {}", end));
    in[rng() % in.size()] = static_cast<char>(rng());
    REQUIRE(body_in_pieces(chunked, in) == body_in_pieces(chunked, in, pieces));
  }
}

/// The content of a body that comes in pieces of that size.
std::string content_of(const http_framing& f, std::string_view in, std::size_t piece) {
  http_body b(f);
  std::string out;
  for (std::string_view part = in.substr(0, piece); !part.empty();) {
    const_bytes content;
    const http_body::step s = b.next(as_bytes(part), content);
    out.append(reinterpret_cast<const char*>(content.data()), content.size());
    in.remove_prefix(s.bytes);
    part.remove_prefix(s.bytes);
    if (s.what != http_body::status::more) break;
    if (part.empty()) part = in.substr(0, piece);
  }
  return out;
}

TEST_CASE("http: the content of a body is what its chunks hold", "[proxy][http]") {
  for (const std::size_t piece : {1U, 2U, 3U, 7U, 100U}) {
    CHECK(content_of(chunked, "5;a=b\r\nhello\r\n01\r\n \r\n6\r\nworld!\r\n0\r\nSum: 1\r\n\r\nmore", piece) ==
          "hello world!");
    CHECK(content_of({http_framing::kind::length, 5}, "hello world", piece) == "hello");
    CHECK(content_of({http_framing::kind::until_close, 0}, "hello\r\n\r\n", piece) == "hello\r\n\r\n");
    CHECK(content_of({}, "hello", piece).empty());
  }
}

TEST_CASE("http: a body that ends with its connection is never done", "[proxy][http]") {
  CHECK(body({http_framing::kind::until_close, 0}, "0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n") == "more 24");
}

}  // namespace
}  // namespace http_test
