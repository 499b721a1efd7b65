// Which fallback serves a client.
#include "catch.hpp"
#include "message.hpp"

#include "proxy/policy/fallbacks.hpp"

namespace fallbacks_test {
namespace {

using namespace muxpro::proxy;
using rules_test::bytes_of;

/// Its server is its number.
fallback entry(std::uint16_t number, std::string name = {}, std::string alpn = {}, std::string path = {}) {
  fallback f;
  f.name = std::move(name);
  f.alpn = std::move(alpn);
  f.path = std::move(path);
  f.to.at.port = number;
  return f;
}

int found(const fallbacks& all, std::string_view name = {}, std::string_view alpn = {},
          std::string_view received = "GET / HTTP/1.1\r\nHost: a\r\n\r\n") {
  const fallback* const f = all.find(name, alpn, bytes_of(received));
  return f ? f->to.at.port : 0;
}

TEST_CASE("fallbacks: one for all", "[proxy][fallbacks]") {
  const fallbacks all({entry(1)});
  CHECK(found(all) == 1);
  CHECK(found(all, "a.example", "h2", "x") == 1);
  CHECK(found(all, "", "", "") == 1);
}

TEST_CASE("fallbacks: an empty list", "[proxy][fallbacks]") {
  CHECK(found(fallbacks({})) == 0);
  CHECK(found(fallbacks({entry(1, "a.example")}), "b.example") == 0);
  CHECK(found(fallbacks({entry(1, "", "h2")}), "", "http/1.1") == 0);
  CHECK(found(fallbacks({entry(1, "", "", "/a")})) == 0);
}

TEST_CASE("fallbacks: the exact name, or the longest that is a part", "[proxy][fallbacks]") {
  const fallbacks all({entry(1), entry(2, "a.example"), entry(3, "example"), entry(4, "B.Example")});
  CHECK(found(all, "a.example") == 2);
  CHECK(found(all, "A.EXAMPLE") == 2);
  CHECK(found(all, "b.example") == 4);
  CHECK(found(all, "www.a.example") == 2);
  CHECK(found(all, "c.example") == 3);
  CHECK(found(all, "c.test") == 1);
  CHECK(found(all, "") == 1);
}

TEST_CASE("fallbacks: the alpn, exactly", "[proxy][fallbacks]") {
  const fallbacks all({entry(1), entry(2, "", "h2"), entry(3, "a", "h2")});
  CHECK(found(all, "", "h2") == 2);
  CHECK(found(all, "", "h2c") == 1);
  CHECK(found(all, "a", "h2") == 3);
  CHECK(found(all, "a", "http/1.1") == 1);
}

TEST_CASE("fallbacks: the path of a request line", "[proxy][fallbacks]") {
  const fallbacks all({entry(1), entry(2, "", "", "/ws"), entry(3, "", "h2", "/h2")});
  CHECK(found(all, "", "", "GET /ws HTTP/1.1\r\n\r\n") == 2);
  CHECK(found(all, "", "", "GET /ws?x=1 HTTP/1.1\r\n") == 2);
  CHECK(found(all, "", "", "OPTIONS /ws HTTP/1.1\r\n") == 2);
  CHECK(found(all, "", "", "POST /ws HTTP/1.1\r\n\r\n") == 2);
  CHECK(found(all, "", "h2", "GET /ws HTTP/1.1\r\n\r\n") == 2);
  CHECK(found(all, "", "h2", "GET /h2 HTTP/1.1\r\n\r\n") == 3);
  CHECK(found(all, "", "", "GET /h2 HTTP/1.1\r\n\r\n") == 1);
  CHECK(found(all, "", "", "GET /ws/ HTTP/1.1\r\n\r\n") == 1);
  CHECK(found(all, "", "", "GET /ws\r\nHost: aaaaaaaaa") == 1);
  CHECK(found(all, "", "", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n /ws ") == 1);
  CHECK(found(all, "", "", "PROPFINDX /ws HTTP/1.1\r\n") == 1);
  CHECK(found(all, "", "", "GET /ws HTTP/1.1") == 1);  // shorter than any request
}

TEST_CASE("fallbacks: a path ends within the first 64 bytes", "[proxy][fallbacks]") {
  const std::string longest = "/" + std::string(58, 'a'), longer = longest + "a";
  const fallbacks all({entry(1), entry(2, "", "", longest), entry(3, "", "", longer)});
  CHECK(found(all, "", "", "GET " + longest + " HTTP/1.1\r\n") == 2);
  CHECK(found(all, "", "", "GET " + longer + " HTTP/1.1\r\n") == 1);
}

TEST_CASE("fallbacks: names and alpns have what there is for any", "[proxy][fallbacks]") {
  const fallbacks all({entry(1), entry(2, "", "", "/ws"), entry(3, "", "h2"), entry(4, "a.example"),
                       entry(5, "b.example", "h2", "/x")});
  const std::string ws = "GET /ws HTTP/1.1\r\n\r\n", x = "GET /x HTTP/1.1\r\n\r\n";
  CHECK(found(all, "a.example", "", ws) == 2);
  CHECK(found(all, "a.example") == 4);
  CHECK(found(all, "a.example", "h2") == 4);  // its own for any alpn
  CHECK(found(all, "b.example", "h2", x) == 5);
  CHECK(found(all, "b.example", "h2", ws) == 2);
  CHECK(found(all, "b.example", "h2") == 3);
  CHECK(found(all, "b.example", "", x) == 1);
}

}  // namespace
}  // namespace fallbacks_test
