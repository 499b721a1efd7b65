#include "proxy/http/head.hpp"

#include "proxy/http/text.hpp"

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

}  // namespace muxpro::proxy
