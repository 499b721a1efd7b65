#include "proxy/http/body.hpp"

#include "proxy/base/text.hpp"

#include <algorithm>

namespace muxpro::proxy {

http_body::http_body(const http_framing& f) noexcept : state_(state::done), left_(f.length) {
  if (f.what == http_framing::kind::length && f.length != 0) state_ = state::counted;
  if (f.what == http_framing::kind::chunked) state_ = state::size;
  if (f.what == http_framing::kind::until_close) state_ = state::until_close;
}

http_body::step http_body::next(const_bytes in) noexcept {
  std::size_t at = 0;
  step s;
  do {
    const_bytes content;
    s = next(in.subspan(at), content);
    at += s.bytes;
  } while (s.what == status::more && at < in.size());
  s.bytes = at;
  return s;
}

http_body::step http_body::next(const_bytes in, const_bytes& content) noexcept {
  std::size_t at = 0;
  content = {};
  while (at < in.size() && content.empty() && state_ != state::done && state_ != state::refused) {
    if (state_ == state::until_close) {
      content = in.subspan(at);
    } else if (state_ == state::counted || state_ == state::data) {
      content = in.subspan(at, static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size() - at)));
      left_ -= content.size();
      if (left_ == 0) state_ = state_ == state::data ? state::data_cr : state::done;
    } else if ((state_ = after(static_cast<char>(in[at]))) != state::refused) {
      ++at;
    }
  }
  return {state_ == state::done      ? status::done
          : state_ == state::refused ? status::refused
                                     : status::more,
          at + content.size(), reason_};
}

http_body::state http_body::after(char c) noexcept {
  constexpr const char* no_line_end = "A line of the chunked body does not end in CRLF.";
  switch (state_) {
    case state::size: return after_size_digit(c);
    case state::extension:
      if (c == '\r') return state::size_lf;
      if (!is_line_char(c)) return refuse("A chunk has an extension with a control character.");
      return ++line_ <= max_chunk_line ? state::extension
                                       : refuse("A chunk has an extension that is too long.");
    case state::size_lf: return c == '\n' ? chunk_begins() : refuse(no_line_end);
    case state::data_cr: return c == '\r' ? state::data_lf : refuse("A chunk is longer than its size.");
    case state::data_lf: line_ = 0; return c == '\n' ? state::size : refuse(no_line_end);
    default: return in_trailers(c);
  }
}

http_body::state http_body::after_size_digit(char c) noexcept {
  if (const int digit = hex_value(c); digit >= 0) {
    if (++line_ > size_digits) return refuse("The size of a chunk has too many digits.");
    left_ = left_ << 4 | static_cast<unsigned>(digit);
    return state::size;
  }
  if (line_ == 0) return refuse("A chunk has no size.");
  if (c == '\r') return state::size_lf;
  return c == ';' ? ++line_, state::extension : refuse("The size of a chunk is not a hexadecimal number.");
}

http_body::state http_body::chunk_begins() noexcept {
  line_ = 0;
  return left_ != 0 ? state::data : state::trailer_or_end;
}

http_body::state http_body::in_trailers(char c) noexcept {
  constexpr const char* no_field = "A trailer of the chunked body is malformed.";
  if (state_ == state::end_lf) return c == '\n' ? state::done : refuse(no_field);
  if (state_ == state::trailer_or_end && c == '\r') return state::end_lf;
  if (++line_ > max_trailers) return refuse("The trailers of the chunked body are too long.");
  if (state_ == state::trailer_lf) return c == '\n' ? state::trailer_or_end : refuse(no_field);
  if (state_ == state::trailer_value) {
    if (c == '\r') return state::trailer_lf;
    return is_line_char(c) ? state::trailer_value : refuse(no_field);
  }
  if (state_ == state::trailer_name && c == ':') return state::trailer_value;
  return is_token_char(c) ? state::trailer_name : refuse(no_field);
}

http_body::state http_body::refuse(const char* reason) noexcept {
  reason_ = reason;
  return state::refused;
}

}  // namespace muxpro::proxy
