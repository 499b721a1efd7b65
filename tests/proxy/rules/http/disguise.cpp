// The heads in front of the raw carrier's bytes.
#include "catch.hpp"

#include "proxy/http/disguise.hpp"

#include <string>

namespace http_disguise_test {
namespace {

using namespace muxpro::proxy;

std::size_t last(std::size_t n) { return n - 1; }
std::size_t first(std::size_t) { return 0; }

TEST_CASE("disguise: golden heads by default", "[proxy][http]") {
  const http_disguise d;
  CHECK(disguise_request(d, first) ==
        "GET / HTTP/1.1\r\nHost: www.baidu.com\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0; WOW64) "
        "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/53.0.2785.143 Safari/537.36\r\nAccept-Encoding: gzip, "
        "deflate\r\nConnection: keep-alive\r\nPragma: no-cache\r\n\r\n");
  CHECK(disguise_answer(d, last) ==
        "HTTP/1.1 200 OK\r\nContent-Type: video/mpeg\r\nTransfer-Encoding: chunked\r\nConnection: "
        "keep-alive\r\nPragma: no-cache\r\n\r\n");
}

TEST_CASE("disguise: each head has one of the paths and of the values of a field", "[proxy][http]") {
  http_disguise d;
  d.paths = {"/a", "/b"};
  d.request = {{"Host", {"one", "two"}}, {"Empty", {}}};
  CHECK(disguise_request(d, first) == "GET /a HTTP/1.1\r\nHost: one\r\n\r\n");
  CHECK(disguise_request(d, last) == "GET /b HTTP/1.1\r\nHost: two\r\n\r\n");
}

TEST_CASE("disguise: a server compares the path if paths are configured", "[proxy][http]") {
  http_disguise d;
  CHECK(accepts_disguise(d, "GET /any HTTP/1.1\r\n\r\n"));
  d.paths = {"/a", "/b"};
  d.checks_path = true;
  CHECK(accepts_disguise(d, "POST /b HTTP/1.0\r\nHost: x\r\n\r\n"));
  CHECK_FALSE(accepts_disguise(d, "GET /c HTTP/1.1\r\n\r\n"));
  CHECK_FALSE(accepts_disguise(d, "GET /a/b HTTP/1.1\r\n\r\n"));
  for (const char* const head : {"\r\n\r\n", " / HTTP/1.1\r\n\r\n", "GET\r\n\r\n", "GET /a\r\n\r\n",
                                 "GET /a \r\n\r\n", "GET /a SIP/2.0\r\n\r\n"})
    CHECK_FALSE(accepts_disguise(d, head));
}

TEST_CASE("disguise: reads of the missing bytes never pass the empty line, wherever they are cut",
          "[proxy][http]") {
  const std::string head = "GET / HTTP/1.1\r\nA: \r\r\n\r\r\n\r\n", behind = "data";
  for (std::size_t seed = 0; seed < 16; ++seed) {
    const std::string all = head + behind;
    std::string got;
    for (std::size_t step = seed; !is_whole_head(got); step = step * 5 + 3) {
      const std::size_t most = missing_in_head(got);
      REQUIRE((most >= 1 && most <= 4));
      got += all.substr(got.size(), 1 + step % most);
    }
    CHECK(got == head);
  }
}

}  // namespace
}  // namespace http_disguise_test
