#include "proxy/http/head.hpp"

#include "proxy/base/text.hpp"

#include <algorithm>

namespace muxpro::proxy {

http_head_scanner::status http_head_scanner::next(std::string_view all) noexcept {
  const std::string_view in = all.substr(0, limits_.bytes);
  for (; seen_ < in.size(); ++seen_) {
    const char c = in[seen_];
    const bool after_cr = seen_ != first_ && in[seen_ - 1] == '\r';
    if (after_cr != (c == '\n')) return status::bare_line_end;
    if (c != '\r' && c != '\n' && !is_line_char(c)) return status::control_character;
    if (c != '\n') continue;
    const bool empty = seen_ == line_start_ + 1;
    line_start_ = seen_ + 1;
    if (empty && lines_ == 0 && empty_ == empty_lines::skipped) {
      first_ = line_start_;
    } else if (empty) {
      line_start_ = seen_ - 1;  // called again, it comes here again
      end_ = seen_ + 1;
      return status::complete;
    } else if (++lines_ > limits_.fields + 1) {
      return status::too_many_fields;
    }
  }
  return seen_ < limits_.bytes ? status::need_more : status::too_long;
}

std::string_view take_line(std::string_view& text) noexcept {
  const auto end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::optional<http_request_line> split_request_line(std::string_view line) noexcept {
  const auto first = line.find(' '), last = line.rfind(' ');
  if (first == last || line.find(' ', first + 1) != last) return std::nullopt;
  return http_request_line{line.substr(0, first), line.substr(first + 1, last - first - 1),
                           line.substr(last + 1)};
}

http_authority::http_authority(std::string_view text) noexcept {
  const auto bracket = text.starts_with('[') ? text.find(']') : 0;
  const auto colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
  host = text.substr(0, colon);
  if (colon != std::string_view::npos) port = text.substr(colon + 1);
}

std::uint16_t http_authority::port_or(std::uint16_t default_port) const noexcept {
  return port.empty() ? default_port : number<std::uint16_t>(port).value_or(0);
}

}  // namespace muxpro::proxy
