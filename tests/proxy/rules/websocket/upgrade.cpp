// The handshakes of WebSocket and HTTPUpgrade: golden heads, what is refused, early data.
#include "catch.hpp"
#include "head_transcript.hpp"

#include "proxy/websocket/early_data.hpp"
#include "proxy/websocket/upgrade.hpp"

namespace upgrade_test {
namespace {

using namespace head_test;
using namespace muxpro::proxy;
using muxpro::testing::from_hex;

constexpr const char* key = "dGhlIHNhbXBsZSBub25jZQ==";

http_request parsed(const std::string& head) {
  http_request_parser parser(upgrade_limits, http_target_form::origin);
  const auto step = parser.next(std::as_bytes(std::span(head)));
  INFO(step.reason);
  REQUIRE(step.what == http_request_parser::status::complete);
  REQUIRE(step.consumed == head.size());
  return step.request;
}
http_response answered(const std::string& head) {
  http_response_parser parser("GET", upgrade_limits);
  const auto step = parser.next(std::as_bytes(std::span(head)));
  REQUIRE(step.what == http_response_parser::status::complete);
  return step.response;
}

upgrade_options options(upgrade_protocol p = upgrade_protocol::websocket) {
  upgrade_options o(p);
  o.path = "/chat?a=b";
  o.host = "server.example";
  return o;
}
std::string request(const std::string& target, const std::string& more) {
  return "GET " + target + " HTTP/1.1\r\n" + more + "\r\n";
}
const std::string usual =
    "Host: Server.Example:8080\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
std::string status(const std::string& head, const upgrade_options& o = options()) {
  return judge_upgrade(parsed(head), o).answer.substr(9, 3);
}

TEST_CASE("upgrade: the accept of RFC 6455", "[proxy][websocket]") {
  CHECK(websocket_accept(key) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  CHECK(websocket_accept("AAECAwQFBgcICQoLDA0ODw==") == "Bz3qJYTGdOe8gUSpLosEdiLKDrk=");
  CHECK(new_websocket_key().size() == 24);
  CHECK(new_websocket_key() != new_websocket_key());
}

TEST_CASE("upgrade: golden requests", "[proxy][websocket]") {
  upgrade_options o = options();
  o.fields = {{"User-Agent", "me"}, {"X", "y"}};
  CHECK(upgrade_request(o, key, rules_test::bytes_of("early")) ==
        "GET /chat?a=b HTTP/1.1\r\nHost: server.example\r\nUser-Agent: me\r\nX: y\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Protocol: ZWFybHk\r\n\r\n");
  o.protocol = upgrade_protocol::raw;
  o.path = "/a b";
  CHECK(upgrade_request(o, {}) ==
        "GET /a%20b HTTP/1.1\r\nHost: server.example\r\nUser-Agent: me\r\nX: y\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\n\r\n");
  o.fields.clear();
  CHECK(upgrade_request(o, {}).find("User-Agent: Mozilla/5.0") != std::string::npos);
}

TEST_CASE("upgrade: a server agrees", "[proxy][websocket]") {
  const auto v = judge_upgrade(parsed(request("/chat?x", usual)), options());
  CHECK_FALSE(v.refusal);
  CHECK(v.answer ==
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
  CHECK_FALSE(mistake_in_upgrade(answered(v.answer), upgrade_protocol::websocket, key));
  const auto raw = judge_upgrade(parsed(request("/%63hat", usual)), options(upgrade_protocol::raw));
  CHECK(raw.answer ==
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
  CHECK_FALSE(mistake_in_upgrade(answered(raw.answer), upgrade_protocol::raw, {}));
}

TEST_CASE("upgrade: a server refuses another place with 404, and what is no upgrade with 400",
          "[proxy][websocket]") {
  CHECK(status(request("/chat", usual)) == "101");
  CHECK(status(request("/", usual)) == "404");
  CHECK(status(request("/chat/", usual)) == "404");
  CHECK(status(request("/Chat", usual)) == "404");
  CHECK(status(request("/chat", "Host: other.example\r\n")) == "404");
  CHECK(status(request("/chat", "Host: server.example\r\n")) == "400");
  std::string old = usual;
  old.replace(old.find("13"), 2, "12");
  CHECK(status(request("/chat", old)) == "400");
  upgrade_options any = options();
  any.host.clear();
  std::string other = usual;
  other.replace(other.find("Server"), 6, "Nobody");
  CHECK(status(request("/chat", other), any) == "101");
  CHECK(status("POST" + request("/chat", usual).substr(3)) == "400");
}

TEST_CASE("upgrade: a client refuses what is no agreement", "[proxy][websocket]") {
  const auto mistake = [](const std::string& head) {
    return mistake_in_upgrade(answered(head + "\r\n"), upgrade_protocol::websocket, key);
  };
  const std::string good = "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\n";
  const std::string accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
  CHECK_FALSE(mistake(good + accept));
  CHECK(mistake("HTTP/1.1 404 Not Found\r\n") == upgrade_errc::refused);
  CHECK(mistake("HTTP/1.1 101 X\r\nConnection: upgrade\r\n" + accept) == upgrade_errc::other_protocol);
  CHECK(mistake(good) == upgrade_errc::wrong_accept);
  CHECK(mistake(good + accept + accept) == upgrade_errc::wrong_accept);
  CHECK(mistake(good + accept + "Sec-WebSocket-Extensions: permessage-deflate\r\n") ==
        upgrade_errc::extension);
}

TEST_CASE("upgrade: early data", "[proxy][websocket]") {
  const byte_string early = from_hex("0066ad4540b58c4ad29926ea63445a9b57000101bb01c0000201");
  const std::string text = "AGatRUC1jErSmSbqY0Ram1cAAQG7AcAAAgE";
  CHECK(early_data_text(early) == text);
  CHECK(read_early_data(text) == early);
  CHECK(read_early_data(text + "=") == early);
  CHECK(read_early_data("-_-_") == read_early_data("+/+/"));
  for (const char* none : {"", "soap, wamp", "A", "a b"}) CHECK(read_early_data(none).empty());
  for (std::size_t n = 0; n < 50; ++n) {
    const byte_string some(n, static_cast<std::byte>(n * 37));
    CHECK(read_early_data(early_data_text(some)) == some);
  }
  const auto v =
      judge_upgrade(parsed(request("/chat", usual + "Sec-WebSocket-Protocol: " + text + "\r\n")), options());
  CHECK(v.early == early);
  CHECK(v.answer.find("Sec-WebSocket-Protocol: " + text + "\r\n") != std::string::npos);
}

TEST_CASE("upgrade: X-Forwarded-For is believed behind a trusted field", "[proxy][websocket]") {
  const http_request r =
      parsed(request("/chat", usual + "X-Forwarded-For: 192.0.2.7, 10.0.0.1\r\nX-Real: 1\r\n"));
  CHECK_FALSE(forwarded_source(r, {}));
  CHECK_FALSE(forwarded_source(r, {"x-other"}));
  REQUIRE(forwarded_source(r, {"x-other", "x-real"}));
  CHECK(forwarded_source(r, {"x-real"})->to_string() == "192.0.2.7");
  CHECK_FALSE(
      forwarded_source(parsed(request("/chat", usual + "X-Forwarded-For: x\r\nX-Real: 1\r\n")), {"x-real"}));
}

}  // namespace
}  // namespace upgrade_test
