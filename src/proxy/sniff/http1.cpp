#include "proxy/sniff/http1.hpp"

#include "proxy/base/byte_reader.hpp"
#include "proxy/base/host_name.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace muxpro::proxy {

namespace {

constexpr std::array<std::string_view, 9> methods{"GET",     "POST",    "HEAD",  "PUT",  "DELETE",
                                                  "OPTIONS", "CONNECT", "PATCH", "TRACE"};

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

template <class Change>
std::string changed(std::string_view text, Change change) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), change);
  return out;
}

// A token of RFC 9110 section 5.6.2.
bool is_token(std::string_view name) {
  const auto allowed = [](char c) {
    const char u = upper(c);
    return (u >= 'A' && u <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  };
  return !name.empty() && std::all_of(name.begin(), name.end(), allowed);
}

bool is_control(char c) { return (c >= 0 && c < ' ' && c != '\r' && c != '\n' && c != '\t') || c == 0x7f; }

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

// Takes a line off, without its end: CRLF, or LF alone (RFC 9112 section 2.2).
std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
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

std::string_view trimmed(std::string_view value) {
  const auto from = value.find_first_not_of(" \t");
  if (from == std::string_view::npos) return {};
  return value.substr(from, value.find_last_not_of(" \t") - from + 1);
}

bool read_request_line(std::string_view line, attributes& attrs) {
  const auto first = line.find(' '), second = line.rfind(' ');
  if (first == std::string_view::npos || second <= first + 1) return false;
  const std::string_view target = line.substr(first + 1, second - first - 1);
  if (target.find(' ') != std::string_view::npos || !line.substr(second + 1).starts_with("HTTP/1."))
    return false;
  attrs[":method"] = changed(line.substr(0, first), upper);
  attrs[":path"] = target;
  return true;
}

bool read_header(std::string_view line, attributes& attrs) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return false;
  const auto [at, is_new] =
      attrs.try_emplace(changed(line.substr(0, colon), lower), trimmed(line.substr(colon + 1)));
  // Two Host fields become a list, which is no host name: the receiver that picks one decides where it goes.
  if (!is_new) at->second.append(", ").append(trimmed(line.substr(colon + 1)));
  return true;
}

// "name", "name:port", "[address]:port"
std::optional<std::string> host_without_port(std::string_view host) {
  const auto colon = host.find_last_of(":]");
  if (colon != std::string_view::npos && host[colon] == ':') {
    const std::string_view port = host.substr(colon + 1);
    if (port.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
    host = host.substr(0, colon);
  }
  return canonical_host(host);
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
