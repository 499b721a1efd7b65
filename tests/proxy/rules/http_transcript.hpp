// An HTTP head or body that comes in pieces, as one line of text.
#pragma once

#include "proxy/http/body.hpp"
#include "proxy/http/request.hpp"
#include "proxy/http/response.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace http_test {

using muxpro::const_bytes;
using namespace muxpro::proxy;

inline const_bytes as_bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

/// "GET HTTP/1.1 tcp:a:80 /x length 5; Host=a; X=y"
inline std::string describe(const http_request& r) {
  std::string out = fmt::format("{} HTTP/1.{} {} {}", r.method, r.version_1_1 ? 1 : 0, r.target, r.path);
  if (r.body.what == http_framing::kind::length) out += fmt::format(" length {}", r.body.length);
  if (r.body.what == http_framing::kind::chunked) out += " chunked";
  if (!r.upgrade.empty()) out += fmt::format(" upgrade [{}]", r.upgrade);
  for (const http_field& f : r.fields) out += fmt::format("; {}={}", f.name, f.value);
  return out;
}

inline std::string describe(const http_request_parser::step& s) {
  using status = http_request_parser::status;
  if (s.what == status::need_more) return "more";
  if (s.what == status::complete) return fmt::format("{}: {}", s.consumed, describe(s.request));
  return fmt::format("{} {}", static_cast<int>(s.answer), s.reason);
}

/// `good` after up to three changes of its bytes.
inline std::string mutated(std::string good, std::mt19937_64& rng) {
  using namespace std::string_view_literals;
  constexpr std::string_view spice = "\r\n\0 \t:,;/0aA\x80"sv, ends = "\r\n";
  for (std::size_t n = rng() % 4; n != 0; --n) {
    const std::size_t at = rng() % good.size();
    switch (rng() % 4) {
      case 0: good.erase(at, 1 + rng() % 3); break;
      case 1: good.insert(at, 1, spice[rng() % spice.size()]); break;
      case 2: good[at] = spice[rng() % spice.size()]; break;
      default: good.insert(at, ends); break;
    }
    if (good.empty()) good = "x";
  }
  return good;
}
/// Pieces of up to 30 bytes that make `size`.
inline std::vector<std::size_t> pieces_of(std::size_t size, std::mt19937_64& rng) {
  std::vector<std::size_t> pieces;
  for (std::size_t sum = 0; sum < size; sum += pieces.back()) pieces.push_back(1 + rng() % 30);
  return pieces;
}

/// The parser's results for an input in pieces.
inline std::string head_in_pieces(std::string_view in, std::vector<std::size_t> pieces = {}) {
  http_request_parser p;
  std::size_t come = 0;
  pieces.push_back(in.size());
  std::string said = "more";
  for (const std::size_t size : pieces) {
    come = std::min(come + size, in.size());
    said = describe(p.next(as_bytes(in.substr(0, come))));
    if (said != "more") return said;
    if (come >= http_request_parser::max_head) return "it needs too much";
  }
  return said;
}

/// The same, if it does not depend on where the input is cut.
inline std::string head(std::string_view in) {
  const std::string whole = head_in_pieces(in);
  for (std::size_t cut = 0; cut < in.size(); ++cut)
    if (const std::string two = head_in_pieces(in, {cut}); two != whole)
      return fmt::format("{} BUT CUT AT {}: {}", whole, cut, two);
  const std::string bytewise = head_in_pieces(in, std::vector<std::size_t>(in.size(), 1));
  return bytewise == whole ? whole : fmt::format("{} BUT BYTE BY BYTE: {}", whole, bytewise);
}

/// The request in a head that has one.
inline http_request request_in(std::string_view in) {
  http_request_parser p;
  return p.next(as_bytes(in)).request;
}

/// "done 12", "more 5", "refused 3: A chunk has no size."
inline std::string body_in_pieces(const http_framing& f, std::string_view in,
                                  std::vector<std::size_t> pieces = {}) {
  http_body b(f);
  std::size_t taken = 0;
  pieces.insert(pieces.begin(), 0);
  pieces.push_back(in.size());
  http_body::step s;
  for (std::size_t size : pieces) {
    size = std::min(size, in.size());
    s = b.next(as_bytes(in.substr(0, size)));
    if (s.bytes > size || (s.what == http_body::status::more && s.bytes != size)) return "a broken promise";
    taken += s.bytes;
    in.remove_prefix(size);
    if (b.done() != (s.what == http_body::status::done)) return "a broken promise";
    if (s.what != http_body::status::more) break;
  }
  // What is final stays so, whatever comes.
  const http_body::step later = b.next(as_bytes("0\r\n\r\n"));
  if (s.what != http_body::status::more && (later.what != s.what || later.bytes != 0)) return "not final";
  if (s.what == http_body::status::refused) return fmt::format("refused {}: {}", taken, s.reason);
  return fmt::format("{} {}", s.what == http_body::status::done ? "done" : "more", taken);
}

/// The same, if it does not depend on where the input is cut.
inline std::string body(const http_framing& f, std::string_view in) {
  const std::string whole = body_in_pieces(f, in);
  for (std::size_t cut = 0; cut < in.size(); ++cut)
    if (const std::string two = body_in_pieces(f, in, {cut}); two != whole)
      return fmt::format("{} BUT CUT AT {}: {}", whole, cut, two);
  const std::string bytewise = body_in_pieces(f, in, std::vector<std::size_t>(in.size(), 1));
  return bytewise == whole ? whole : fmt::format("{} BUT BYTE BY BYTE: {}", whole, bytewise);
}

/// "200 HTTP/1.1 [OK] length 5 keeps; Content-Length=5"
inline std::string describe(const http_response& r) {
  constexpr const char* framings[] = {"none", "length", "chunked", "until close"};
  std::string out = fmt::format("{} HTTP/1.{} [{}] {}", r.status, r.version_1_1 ? 1 : 0, r.reason,
                                framings[static_cast<int>(r.body.what)]);
  if (r.body.what == http_framing::kind::length) out += fmt::format(" {}", r.body.length);
  if (r.keeps) out += " keeps";
  if (r.authenticates_connection) out += " binds";
  for (const http_field& f : r.fields) out += fmt::format("; {}={}", f.name, f.value);
  return out;
}

inline std::string describe(const http_response_parser::step& s) {
  using status = http_response_parser::status;
  if (s.what == status::need_more) return "more";
  if (s.what == status::complete) return fmt::format("{}: {}", s.consumed, describe(s.response));
  return fmt::format("refused: {}", s.reason);
}

/// What the parser makes of an answer to `method` that comes in pieces.
inline std::string answer_in_pieces(std::string_view in, std::string_view method = "GET",
                                    std::vector<std::size_t> pieces = {}) {
  http_response_parser p(method);
  std::size_t come = 0;
  pieces.push_back(in.size());
  std::string found = "more";
  for (const std::size_t size : pieces) {
    come = std::min(come + size, in.size());
    found = describe(p.next(as_bytes(in.substr(0, come))));
    if (found != "more") return found;
    if (come >= http_head_limits().bytes) return "it needs too much";
  }
  return found;
}

/// The same, if it does not depend on where the input is cut.
inline std::string answer(std::string_view in, std::string_view method = "GET") {
  const std::string whole = answer_in_pieces(in, method);
  for (std::size_t cut = 0; cut < in.size(); ++cut)
    if (const std::string two = answer_in_pieces(in, method, {cut}); two != whole)
      return fmt::format("{} BUT CUT AT {}: {}", whole, cut, two);
  const std::string bytewise = answer_in_pieces(in, method, std::vector<std::size_t>(in.size(), 1));
  return bytewise == whole ? whole : fmt::format("{} BUT BYTE BY BYTE: {}", whole, bytewise);
}

inline http_response response_in(std::string_view in, std::string_view method = "GET") {
  return http_response_parser(method).next(as_bytes(in)).response;
}

inline constexpr http_framing chunked{http_framing::kind::chunked, 0};

}  // namespace http_test
