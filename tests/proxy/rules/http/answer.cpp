// Answers that the proxy itself makes.
#include "catch.hpp"

#include "proxy/http/answer.hpp"

#include <muxpro/error.hpp>

#include <fmt/format.h>
#include <asio/error.hpp>

namespace http_test {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;
using muxpro::end_code;
using muxpro::errc;
using namespace muxpro::proxy;

TEST_CASE("http: golden answers", "[proxy][http]") {
  CHECK(http_answer(http_status::connected) == "HTTP/1.1 200 Connection established\r\n\r\n");
  CHECK(http_answer(http_status::bad_request, "No.") ==
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 4\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\nNo.\n");
  CHECK(http_answer(http_status::proxy_authentication_required) ==
        "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Type: text/plain; "
        "charset=utf-8\r\nContent-Length: 47\r\n"
        "Cache-Control: no-store\r\nProxy-Authenticate: Basic realm=\"proxy\", charset=\"UTF-8\"\r\n"
        "Connection: close\r\n\r\nThe proxy requires a user name and a password.\n");
  CHECK(http_answer(http_status::forbidden, "No.", "HEAD") ==
        "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 4\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n");
}

TEST_CASE("http: every answer is a complete message with one sentence", "[proxy][http]") {
  for (const int code : {400, 403, 405, 407, 431, 501, 502, 504}) {
    const std::string answer = http_answer(static_cast<http_status>(code));
    CAPTURE(answer);
    CHECK_THAT(answer, StartsWith(fmt::format("HTTP/1.1 {} ", code)));
    CHECK_THAT(answer, ContainsSubstring("\r\nConnection: close\r\n\r\n"));
    CHECK((answer.find("\r\nAllow: ") != answer.npos) == (code == 405));
    CHECK((answer.find("\r\nProxy-Authenticate: ") != answer.npos) == (code == 407));
    const std::string text = answer.substr(answer.find("\r\n\r\n") + 4);
    CHECK_THAT(text, EndsWith(".\n"));
    CHECK_THAT(answer, ContainsSubstring(fmt::format("\r\nContent-Length: {}\r\n", text.size())));
  }
}

TEST_CASE("http: answers to what became of a dial", "[proxy][http]") {
  struct {
    std::error_code ec;
    int status;
    const char* sentence;
  } const all[] = {
      {end_code::rejected, 403, "The rules of the proxy do not allow this target."},
      {asio::error::access_denied, 403, "The rules of the proxy do not allow this target."},
      {end_code::timeout, 504, "The target did not answer the proxy in time."},
      {asio::error::timed_out, 504, "The target did not answer the proxy in time."},
      {asio::error::connection_refused, 502, "The target has refused the connection."},
      {end_code::remote_disconnect, 502, "The target has refused the connection."},
      {end_code::unreachable, 502, "The target has no address that can be reached."},
      {asio::error::host_not_found, 502, "The target has no address that can be reached."},
      {asio::error::network_unreachable, 502, "The target's network is unreachable."},
      {asio::error::address_family_not_supported, 502, "The proxy has no address of the target's family."},
      {end_code::resources, 502, "The proxy cannot reach the target."},
      {errc::session_closed, 502, "The proxy cannot reach the target."},
  };
  for (const auto& [ec, status, sentence] : all) {
    INFO(ec.message());
    CHECK(static_cast<int>(http_status_of(ec)) == status);
    CHECK_THAT(http_answer_to(ec), StartsWith(fmt::format("HTTP/1.1 {} ", status)));
    CHECK_THAT(http_answer_to(ec), EndsWith(fmt::format("\r\n\r\n{}\n", sentence)));
    CHECK_THAT(http_answer_to(ec, "HEAD"), EndsWith("\r\n\r\n"));
  }
  CHECK(http_answer_to({}) == http_answer(http_status::connected));
}

}  // namespace
}  // namespace http_test
