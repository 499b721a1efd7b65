#include "proxy/http/answer.hpp"

#include "proxy/policy/dial_outcome.hpp"

#include <fmt/format.h>

namespace muxpro::proxy {

namespace {

struct known_status {
  const char* phrase;
  const char* sentence;
  const char* fields;  ///< that this status has to have
};

known_status known(http_status s) noexcept {
  switch (s) {
    case http_status::connected: return {"Connection established", "", ""};
    case http_status::bad_request: return {"Bad Request", "The proxy does not understand the request.", ""};
    case http_status::forbidden: return {"Forbidden", "The rules of the proxy do not allow this target.", ""};
    case http_status::method_not_allowed:
      return {"Method Not Allowed", "The proxy does not serve this method.",
              "Allow: CONNECT, GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"};
    case http_status::proxy_authentication_required:
      return {"Proxy Authentication Required", "The proxy requires a user name and a password.",
              "Proxy-Authenticate: Basic realm=\"proxy\", charset=\"UTF-8\"\r\n"};
    case http_status::head_too_large:
      return {"Request Header Fields Too Large", "The head of the request is too large.", ""};
    case http_status::not_implemented:
      return {"Not Implemented", "The proxy does not support this request.", ""};
    case http_status::bad_gateway: return {"Bad Gateway", "The proxy cannot reach the target.", ""};
    case http_status::gateway_timeout:
      return {"Gateway Timeout", "The target did not answer the proxy in time.", ""};
  }
  return {"", "", ""};
}

const char* sentence_of(dial_outcome o) noexcept {
  switch (o) {
    case dial_outcome::refused: return "The target has refused the connection.";
    case dial_outcome::host_unreachable: return "The target has no address that can be reached.";
    case dial_outcome::network_unreachable: return "The target's network is unreachable.";
    case dial_outcome::wrong_family: return "The proxy has no address of the target's family.";
    default: return "";
  }
}

}  // namespace

// Some of these statuses may be cached (RFC 9110 section 15.1), and for the browser they came from the
// target.
std::string http_answer(http_status s, std::string_view sentence, std::string_view method) {
  const known_status k = known(s);
  if (s == http_status::connected) return fmt::format("HTTP/1.1 200 {}\r\n\r\n", k.phrase);
  const std::string text = fmt::format("{}\n", sentence.empty() ? k.sentence : sentence);
  return fmt::format(
      "HTTP/1.1 {} {}\r\n"
      "Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n"
      "Cache-Control: no-store\r\n{}Connection: close\r\n\r\n{}",
      static_cast<unsigned>(s), k.phrase, text.size(), k.fields, method == "HEAD" ? "" : text);
}

http_status http_status_of(const std::error_code& outcome) noexcept {
  switch (outcome_of(outcome)) {
    case dial_outcome::connected: return http_status::connected;
    case dial_outcome::rejected: return http_status::forbidden;
    case dial_outcome::timed_out: return http_status::gateway_timeout;
    default: return http_status::bad_gateway;
  }
}

std::string http_answer_to(const std::error_code& outcome, std::string_view method) {
  return http_answer(http_status_of(outcome), sentence_of(outcome_of(outcome)), method);
}

}  // namespace muxpro::proxy
