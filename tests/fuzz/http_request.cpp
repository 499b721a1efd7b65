// HTTP as a forward proxy reads it: any cut gives the same result, a forwarded request has one head with one
// framing, and a body ends where a reader of the whole message finds its end. The first byte selects the
// reader. script describes the rest.
#include "fuzz.hpp"

#include "../proxy/rules/http_transcript.hpp"

#include <cctype>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace http_fuzz {

using namespace fuzz;
using namespace muxpro::proxy;

namespace {

std::string_view text(const_bytes in) { return {reinterpret_cast<const char*>(in.data()), in.size()}; }

std::vector<std::size_t> cuts(choices& decide) {
  std::vector<std::size_t> pieces;
  while (!decide.over()) pieces.push_back(1 + decide.below(40));
  return pieces;
}

bool begins(std::string_view line, std::string_view lower_case) {
  return line.size() >= lower_case.size() &&
         std::equal(lower_case.begin(), lower_case.end(), line.begin(), [](char a, char b) {
           return a == static_cast<char>(std::tolower(static_cast<unsigned char>(b)));
         });
}

// By its lines alone, without the rules that wrote it.
void one_reading(std::string_view head, const http_framing& framing) {
  unsigned hosts = 0, lengths = 0, codings = 0, connections = 0;
  bool request_line = true;  // a method may have any name
  must(head.ends_with("\r\n\r\n") && head.find("\r\n\r\n") == head.size() - 4, "a head ends once");
  for (head.remove_suffix(2); !head.empty(); head.remove_prefix(head.find('\n') + 1)) {
    const std::string_view line = head.substr(0, head.find("\r\n"));
    must(head[line.size() + 1] == '\n' && line.find_first_of(std::string_view("\r\n\0", 3)) == line.npos,
         "a line ends in CRLF, and nowhere else");
    if (std::exchange(request_line, false)) continue;
    hosts += begins(line, "host:");
    lengths += begins(line, "content-length:");
    codings += begins(line, "transfer-encoding:");
    connections += begins(line, "connection:");
    must(
        !begins(line, "proxy-") && !begins(line, "keep-alive:") && !begins(line, "te:") && !begins(line, " "),
        "nothing of this hop goes on");
  }
  must(hosts == 1 && connections == 1, "one Host and one Connection");
  must(lengths == (framing.what == http_framing::kind::length) &&
           codings == (framing.what == http_framing::kind::chunked),
       "the framing is said once");
}

void rewritten(const http_request& r) {
  const std::string head = http_upstream_head(r);
  one_reading(head, r.body);
  std::string absolute = head;
  const std::string host = head.substr(head.find("\r\nHost: ") + 8);
  absolute.insert(r.method.size() + 1, "http://" + host.substr(0, host.find('\r')));
  // An OPTIONS for "*" had no path.
  if (r.path == "*") absolute.erase(absolute.find("* HTTP/1."), 1);
  if (absolute.size() > http_request_parser::max_head) return;
  http_request_parser p;
  const auto again = p.next(http_test::as_bytes(absolute));
  if (again.answer == http_status::head_too_large) return;
  must(again.what == http_request_parser::status::complete, "what goes on can be read");
  must(again.request.target == r.target && again.request.path == r.path && again.request.body == r.body &&
           again.request.upgrade == r.upgrade,
       "what goes on asks for the same");
}

void read_head(const_bytes wire, choices& decide) {
  const std::string whole = http_test::head_in_pieces(text(wire));
  must(whole != "it needs too much", "a head has its limit");
  must(whole == http_test::head_in_pieces(text(wire), cuts(decide)), "any cut of the input gives the same");
  http_request_parser p;
  const auto s = p.next(wire);
  if (s.what != http_request_parser::status::complete) return;
  const http_request& r = s.request;
  must(r.target.host.valid() && r.target.port != 0, "a request has a target that can be dialled");
  must(s.consumed <= http_request_parser::max_head && r.fields.size() <= http_request_parser::max_fields,
       "a head has its limits");
  must(http_attributes(r).count("proxy-authorization") == 0, "routing sees no secret");
  static const accounts users = [] {
    accounts u;
    u.add("a", "b");
    return u;
  }();
  const auto user = http_user(r, users);
  must(!user || user->name == "a", "nobody else is known");
  if (!r.is_connect()) rewritten(r);
}

/// Where a chunked body ends, if it is one.
std::optional<std::size_t> chunks_end(std::string_view in) {
  std::size_t at = 0;
  for (;;) {
    const std::size_t line_end = in.find("\r\n", at);
    if (line_end == in.npos) return std::nullopt;
    const std::size_t size = std::stoull(std::string(in.substr(at, line_end - at)), nullptr, 16);
    at = line_end + 2;
    if (size == 0) break;
    at += size + 2;
  }
  while (in.substr(at, 2) != "\r\n") at = in.find("\r\n", at) + 2;
  return at + 2;
}

void read_body(const http_framing& framing, const_bytes wire, choices& decide) {
  const std::string whole = http_test::body_in_pieces(framing, text(wire));
  must(whole != "a broken promise" && whole != "not final", whole.c_str());
  must(whole == http_test::body_in_pieces(framing, text(wire), cuts(decide)),
       "any cut of the input gives the same");
  http_body b(framing);
  const auto s = b.next(wire);
  must(s.what != http_body::status::more || s.bytes == wire.size(), "all of it belongs to the body");
  if (s.what != http_body::status::done) return;
  if (framing.what == http_framing::kind::chunked)
    must(chunks_end(text(wire)) == s.bytes, "chunks end where they end");
  else
    must(s.bytes == framing.length, "a counted body has its length");
}

}  // namespace
}  // namespace http_fuzz

FUZZ_TARGET(fuzz_http_request) {
  using namespace http_fuzz;
  if (in.empty()) return;
  script s(in.subspan(1));
  switch (std::to_integer<unsigned>(in[0]) % 3) {
    case 0: return read_head(s.wire, s.decide);
    case 1: return read_body({http_framing::kind::chunked, 0}, s.wire, s.decide);
    default: return read_body({http_framing::kind::length, s.decide.word()}, s.wire, s.decide);
  }
}
