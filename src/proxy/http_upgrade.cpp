#include <muxpro/proxy/http_upgrade.hpp>

#include "byte_reader.hpp"
#include "http_text.hpp"

namespace muxpro::proxy {

http_upgrade::status http_upgrade::next(const_bytes in) noexcept {
  for (const char c : as_text(in)) {
    if (status_ != status::need_more) break;
    status_ = after(c);
  }
  return status_;
}

// "HTTP/1.x 1yz": 101 has agreed, other 1yz are interim and end in an empty line, and the rest is final.
http_upgrade::status http_upgrade::after(char c) noexcept {
  constexpr std::string_view shape = "HTTP/1.0 000", end = "\r\n\r\n";
  if (++seen_ > max_interim) return status::declined;
  if (at_ < shape.size()) {
    const bool digit = shape[at_] == '0';
    if (digit ? !is_digit(c) : c != shape[at_]) return status::declined;
    if (at_ + 3 >= shape.size()) code_ = code_ * 10 + (c - '0');
    ++at_;
    return status::need_more;
  }
  if (code_ == 101) return c == ' ' || c == '\r' ? status::agreed : status::declined;
  if (code_ / 100 != 1) return status::declined;
  ending_ = c == end[ending_] ? ending_ + 1 : c == '\r' ? 1 : 0;
  if (ending_ == end.size()) at_ = ending_ = 0, code_ = 0;
  return status::need_more;
}

}  // namespace muxpro::proxy
