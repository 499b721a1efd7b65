// Answers that an HTTP proxy itself makes. They are small, complete and the last on their connection. Ring 4,
// a rule.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace muxpro::proxy {

/// The codes that this proxy sends (RFC 9110 section 15, and RFC 6585 for 431).
enum class http_status : std::uint16_t {
  connected = 200,
  bad_request = 400,
  forbidden = 403,
  method_not_allowed = 405,
  proxy_authentication_required = 407,
  head_too_large = 431,
  not_implemented = 501,
  bad_gateway = 502,
  gateway_timeout = 504,
};

/// One message with `sentence` as its text, or a sentence of its own if that is empty, and "Connection:
/// close". To a HEAD it has no text. The answer `connected` to a CONNECT is a head alone, and the tunnel
/// follows.
std::string http_answer(http_status s, std::string_view sentence = {}, std::string_view method = {});

/// Returns 403 if a rule has rejected the target, 504 after a time-out, 502 for any other error, 200 without
/// an error.
http_status http_status_of(const std::error_code& outcome) noexcept;
/// The answer with that status, and a sentence that describes the outcome.
std::string http_answer_to(const std::error_code& outcome, std::string_view method = {});

}  // namespace muxpro::proxy
