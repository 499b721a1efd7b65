// The common parts of the heads of HTTP/1 messages, which are fields, limits, framing, and the end of a head.
// Ring 4, rules without I/O and clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace muxpro::proxy {

struct http_field {
  std::string name, value;  ///< as sent, the value without the white space around it
};

/// How long a body is (RFC 9112 section 6). Only the body of an answer may end with its connection.
struct http_framing {
  enum class kind : std::uint8_t { none, length, chunked, until_close };
  kind what = kind::none;
  std::uint64_t length = 0;

  friend bool operator==(const http_framing&, const http_framing&) = default;
};

/// Bytes of a head, and lines behind its first (HAProxy has 16 KiB, Squid 64 KiB, Go 1 MiB, Apache 100
/// fields). A site may have set 50 cookies of 4 KiB each (RFC 6265 section 6.1), and few do.
struct http_head_limits {
  std::size_t bytes = 64 * 1024;
  std::size_t fields = 256;
};

/// Finds the empty line that ends a head, and the characters that can make two readings of one head. Holds no
/// bytes. Looks at each byte once.
class http_head_scanner {
 public:
  enum class status : std::uint8_t {
    need_more,
    complete,
    bare_line_end,      ///< CR or LF alone
    control_character,  ///< NUL and others, the tab is allowed
    too_many_fields,
    too_long,
  };
  /// Whether empty lines before the first line are skipped, which servers do (RFC 9112 section 2.2).
  enum class empty_lines : std::uint8_t { kept, skipped };

  http_head_scanner(const http_head_limits& limits, empty_lines e) noexcept : limits_(limits), empty_(e) {}

  /// With all bytes that have come, those of earlier calls first. What is no need_more is final.
  status next(std::string_view all) noexcept;
  /// Once it is complete, returns the head from the first line to the empty one.
  std::string_view head(std::string_view all) const noexcept { return all.substr(first_, end_ - first_); }
  /// Once it is complete, returns the bytes of the head and of the empty lines before it.
  std::size_t size() const noexcept { return end_; }

 private:
  http_head_limits limits_;
  empty_lines empty_;
  std::size_t first_ = 0, end_ = 0;  ///< where the head begins and ends
  std::size_t seen_ = 0;             ///< bytes that were looked at
  std::size_t line_start_ = 0;       ///< of the line that they end in
  std::size_t lines_ = 0;            ///< before that line
};

/// Takes the first line off `text`, and returns it without its end, which is CRLF, or LF alone (RFC 9112
/// section 2.2).
std::string_view take_line(std::string_view& text) noexcept;

/// The three parts of a request line, with one space between each two. The method and the target may be
/// empty.
struct http_request_line {
  std::string_view method, target, version;
};
std::optional<http_request_line> split_request_line(std::string_view line) noexcept;

/// uri-host [":" port] (RFC 3986 section 3.2). An IPv6 address stands in brackets. The colon may stand
/// without a port.
struct http_authority {
  explicit http_authority(std::string_view text) noexcept;
  /// Returns 0 if the port is not a number.
  std::uint16_t port_or(std::uint16_t default_port) const noexcept;

  std::string_view host, port;
};

}  // namespace muxpro::proxy
