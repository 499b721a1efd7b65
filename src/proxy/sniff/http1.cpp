#include "proxy/sniff/http1.hpp"

#include "proxy/base/byte_reader.hpp"
#include "proxy/base/host_name.hpp"
#include "proxy/base/text.hpp"
#include "proxy/http/head.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace muxpro::proxy {

namespace {

constexpr std::array<std::string_view, 9> methods{"GET",     "POST",    "HEAD",  "PUT",  "DELETE",
                                                  "OPTIONS", "CONNECT", "PATCH", "TRACE"};

bool is_control(char c) { return !is_line_char(c) && c != '\r' && c != '\n'; }

sniff_status method_clue(std::string_view text) {
  const std::string begin = changed(text.substr(0, 8), upper);  // the longest method and its space
  bool possible = false;
  for (const std::string_view m : methods) {
    const std::string with_space = std::string(m) + ' ';
    if (begin.starts_with(with_space)) return sniff_status::found;
    possible |= with_space.starts_with(begin);
  }
  return possible ? sniff_status::need_more : sniff_status::no_clue;
}

// Servers skip empty lines before a request (RFC 9112 section 2.2).
std::string_view without_empty_lines(std::string_view text) {
  while (text.starts_with("\r\n") || text.starts_with('\n')) take_line(text);
  return text == "\r" ? std::string_view() : text;
}

// Up to and with the empty line.
std::optional<std::string_view> whole_head(std::string_view text) {
  for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n', end + 1)) {
    const std::string_view next = text.substr(end + 1);
    if (next.starts_with("\n") || next.starts_with("\r\n")) return text.substr(0, end + 1);
  }
  return std::nullopt;
}

bool read_request_line(std::string_view line, attributes& attrs) {
  const auto words = split_request_line(line);
  if (!words || words->target.empty() || !words->version.starts_with("HTTP/1.")) return false;
  attrs[":method"] = changed(words->method, upper);
  attrs[":path"] = words->target;
  return true;
}

bool read_header(std::string_view line, attributes& attrs) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return false;
  const std::string_view value = trimmed(line.substr(colon + 1));
  const auto [at, is_new] = attrs.try_emplace(lower_case(line.substr(0, colon)), value);
  // Two Host fields become a list, which is not a host name, because the receiver would choose one of them.
  if (!is_new) at->second.append(", ").append(value);
  return true;
}

std::optional<std::string> host_without_port(std::string_view text) {
  const http_authority host(text);
  if (!std::all_of(host.port.begin(), host.port.end(), is_digit)) return std::nullopt;
  return canonical_host(host.host);
}

sniff_result read_head(std::string_view head) {
  sniff_result r;
  if (!read_request_line(take_line(head), r.attrs)) return {};
  for (std::size_t n = 0; !head.empty(); ++n)
    if (n == max_http_lines || !read_header(take_line(head), r.attrs)) return {};
  const auto host = r.attrs.find("host");
  const auto name = host == r.attrs.end() ? std::nullopt : host_without_port(host->second);
  if (!name) return {};
  r.status = sniff_status::found;
  r.protocol = "http1";
  r.domain = *name;
  return r;
}

}  // namespace

sniff_result sniff_http1(const_bytes first) {
  const std::string_view all = as_text(first.first(std::min(first.size(), max_http_head)));
  const std::string_view text = without_empty_lines(all);
  if (text.empty() && all.size() == max_http_head) return {};
  if (const auto clue = method_clue(text); clue != sniff_status::found) return {clue, {}, {}, {}};
  const auto whole = whole_head(text);
  // A head that goes on beyond the limit is judged by the lines within it.
  const std::string_view head = whole ? *whole : text.substr(0, text.rfind('\n') + 1);
  if (std::any_of(text.begin(), text.begin() + (whole ? whole->size() : text.size()), is_control)) return {};
  if (!whole && all.size() < max_http_head) return {sniff_status::need_more, {}, {}, {}};
  return read_head(head);
}

}  // namespace muxpro::proxy
