// HTTP/1.0 and 1.1 as a forward proxy reads it: the head of a request, who sent it, and what goes on to the
// upstream. Ring 4, rules: no I/O, no clock.
#pragma once

#include <muxpro/codec.hpp>
#include <muxpro/destination.hpp>
#include <muxpro/proxy/accounts.hpp>
#include <muxpro/proxy/http_answer.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace muxpro::proxy {

struct http_field {
  std::string name, value;  ///< as sent; the value without the white space around it
};

/// How long the body is (RFC 9112 section 6).
struct http_framing {
  enum class kind : std::uint8_t { none, length, chunked };
  kind what = kind::none;
  std::uint64_t length = 0;

  friend bool operator==(const http_framing&, const http_framing&) = default;
};

struct http_request {
  std::string method;
  bool version_1_1 = true;
  destination target;
  /// What the upstream is asked for, in origin-form; empty for a CONNECT.
  std::string path;
  std::vector<http_field> fields;
  http_framing body;
  /// It asks for an upgrade to WebSocket (RFC 6455 section 4.1). What follows the head must wait until
  /// http_upgrade says that the upstream has agreed.
  bool websocket = false;

  bool is_connect() const noexcept { return method == "CONNECT"; }
};

/// From the first byte of a connection to a request that has one reading only; anything else is refused. Call
/// next() with all bytes that came, until it needs no more:
///   need_more: the same again, when more bytes have come
///   complete:  drop `consumed` bytes; the body follows, or behind a CONNECT the client's data
///   refused:   send http_answer(answer, reason) and close
/// Any cut of the input gives the same result. Each byte is looked at twice, when it comes and when the head
/// is whole. It never needs more than max_head bytes.
class http_request_parser {
 public:
  /// Bytes of a head (nginx: 8 KiB in one buffer), and lines behind its first; beyond: 431.
  static constexpr std::size_t max_head = 8192;
  static constexpr std::size_t max_fields = 64;

  enum class status : std::uint8_t { need_more, complete, refused };

  struct step {
    status what = status::need_more;
    std::size_t consumed = 0;
    http_request request{};
    http_status answer = http_status::bad_request;
    const char* reason = "";  ///< one sentence, when refused
  };

  step next(const_bytes received);

 private:
  std::size_t seen_ = 0;        ///< bytes that were looked at
  std::size_t line_start_ = 0;  ///< of the line that they end in
  std::size_t lines_ = 0;       ///< before that line
};

/// Who has sent it, by `Proxy-Authorization: Basic` (RFC 7617): a user whom `users` knows with that secret;
/// "" if `users` is empty; nothing: answer 407. Throws as accounts::check does.
std::optional<std::string> http_user(const http_request& r, const accounts& users);

/// The head for the upstream, in origin-form and in the client's version: without hop-by-hop fields (RFC 9110
/// section 7.6.1) and all that begin with "Proxy-", with the target as its Host, with the framing that was
/// read, and with `Connection: close`: a connection to the upstream carries one request. An upgrade to
/// WebSocket goes on as one. No Via is added: nobody has to know.
std::string http_upstream_head(const http_request& r);

/// For routing: ":method" in upper case, ":path" but for a CONNECT, and all fields by their names in lower
/// case, those of one name joined by ", ". Without Proxy-Authorization.
std::map<std::string, std::string> http_attributes(const http_request& r);

}  // namespace muxpro::proxy
