// Answers of HTTP/1.0 and 1.1 as a forward proxy reads them from an origin, with the head, the length of the
// body, and the head for the client. Ring 4, rules without I/O and clock.
#pragma once

#include "proxy/http/head.hpp"

#include <muxpro/codec.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

struct http_response {
  unsigned status = 0;
  std::string reason;
  bool version_1_1 = true;
  std::vector<http_field> fields;
  /// The framing of the body (RFC 9112 section 6.3). There is no body behind 1xx, 204, 304, and an answer to
  /// HEAD.
  http_framing body;
  /// The Content-Length, which an answer to HEAD and a 304 may have without a body.
  std::optional<std::uint64_t> length;
  /// The origin waits for another request behind this answer.
  bool keeps = false;
  /// The origin authenticates connections instead of requests (NTLM, Negotiate, RFC 4559). Requests of
  /// another client on this connection would be taken for those of this one.
  bool authenticates_connection = false;

  /// Another head follows that answers the same request.
  bool is_interim() const noexcept { return status / 100 == 1 && status != 101; }
};

/// Reads the head of an answer. Ambiguous heads are refused. Used as http_request_parser, with a new object
/// for each head. If it is refused, the caller answers 502, and does not use the connection any more.
class http_response_parser {
 public:
  enum class status : std::uint8_t { need_more, complete, refused };

  struct step {
    status what = status::need_more;
    std::size_t consumed = 0;
    http_response response{};
    const char* reason = "";  ///< one sentence, when refused
  };

  /// `method` is that of the request.
  explicit http_response_parser(std::string_view method, const http_head_limits& limits = {}) noexcept
      : to_head_(method == "HEAD"), scanner_(limits, http_head_scanner::empty_lines::kept) {}

  step next(const_bytes received);

 private:
  bool to_head_;
  http_head_scanner scanner_;
};

/// How an answer is written to a client.
struct http_client_form {
  bool version_1_1 = true;  ///< of the request
  bool closes = false;      ///< the connection ends with this answer

  /// An HTTP/1.0 client cannot read chunks. It gets their content, up to the end of its connection.
  bool dechunks(const http_framing& f) const noexcept {
    return !version_1_1 && f.what == http_framing::kind::chunked;
  }
};

/// Returns the head for the client, without hop-by-hop fields (RFC 9110 section 7.6.1) and all that begin
/// with "Proxy-", with the framing that was read, and with a Connection of its own. A 101 and a 426 keep
/// their Upgrade.
std::string http_client_head(const http_response& r, const http_client_form& form);

}  // namespace muxpro::proxy
