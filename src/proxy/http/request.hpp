// Requests of HTTP/1.0 and 1.1 as a forward proxy reads them, with the head, its user, and the head for the
// upstream. Ring 4, rules without I/O and clock.
#pragma once

#include "proxy/http/answer.hpp"
#include "proxy/http/head.hpp"
#include "proxy/policy/accounts.hpp"

#include <muxpro/codec.hpp>
#include <muxpro/destination.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace muxpro::proxy {

struct http_request {
  std::string method;
  bool version_1_1 = true;
  destination target;
  /// The target for the upstream, in origin-form. Empty for a CONNECT.
  std::string path;
  std::vector<http_field> fields;
  http_framing body;
  /// The protocols of its Upgrade field, joined by ", ", if it asks for an upgrade (RFC 9110 section 7.8),
  /// else empty. Bytes behind its body must wait until the upstream answers 101. h2c is never among them,
  /// because rules would not see the requests that follow.
  std::string upgrade;
  /// The client may send another request behind this one. An HTTP/1.0 client never does, because its
  /// "keep-alive" may have passed a proxy that does not understand it (RFC 9112 section 9.3).
  bool keeps = true;

  bool is_connect() const noexcept { return method == "CONNECT"; }
};

/// The form of a request's target (RFC 9112 section 3.2). A proxy gets an absolute URI, an origin a path.
enum class http_target_form : std::uint8_t { absolute, origin };

/// Reads from the first byte of a request to its head. Ambiguous heads are refused. Call next() with all
/// bytes that came, until it needs no more.
///   need_more: the same again, when more bytes have come
///   complete:  drop `consumed` bytes; the body follows, or behind a CONNECT the client's data
///   refused:   send http_answer(answer, reason) and close
/// Any cut of the input gives the same result. Empty lines before the request are skipped (RFC 9112 section
/// 2.2). Each byte is looked at twice, when it comes and when the head is whole. It never needs more than
/// http_head_limits::bytes. Beyond a limit it answers 431.
class http_request_parser {
 public:
  /// The default limits.
  static constexpr std::size_t max_head = http_head_limits().bytes;
  static constexpr std::size_t max_fields = http_head_limits().fields;

  enum class status : std::uint8_t { need_more, complete, refused };

  struct step {
    status what = status::need_more;
    std::size_t consumed = 0;
    http_request request{};
    http_status answer = http_status::bad_request;
    const char* reason = "";  ///< one sentence, when refused
  };

  /// In origin-form http_request::target stays empty.
  explicit http_request_parser(const http_head_limits& limits = {},
                               http_target_form form = http_target_form::absolute) noexcept
      : form_(form), scanner_(limits, http_head_scanner::empty_lines::skipped) {}

  step next(const_bytes received);

 private:
  http_target_form form_;
  http_head_scanner scanner_;
};

/// Whether it has a `Proxy-Authorization`. A client may send its first request without.
bool has_login(const http_request& r);
/// Returns the account that `Proxy-Authorization: Basic` names (RFC 7617). If it returns nothing, the caller
/// answers 407. Throws as accounts::check does.
std::optional<user_account> http_user(const http_request& r, const accounts& users);

/// Whether the connection to the upstream is to carry further requests.
enum class http_upstream : std::uint8_t { closes, keeps };

/// Returns the head for the upstream, in origin-form and in the client's version, without hop-by-hop fields
/// (RFC 9110 section 7.6.1) and all that begin with "Proxy-", with the target as its Host, with the framing
/// that was read, and with a Connection of its own. An upgrade goes on as one. No Via is added, because it
/// would show the proxy to each origin.
std::string http_upstream_head(const http_request& r, http_upstream u = http_upstream::closes);

/// For routing: ":method" in upper case, ":path" but for a CONNECT, and all fields by their names in lower
/// case, those of one name joined by ", ". Without Proxy-Authorization.
std::map<std::string, std::string> http_attributes(const http_request& r);

}  // namespace muxpro::proxy
