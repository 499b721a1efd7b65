// Answers of origins as a forward proxy reads them: any cut gives the same result, what goes on to a client
// has one framing and nothing of this hop, and the content of a body does not depend on its pieces. The first
// byte chooses the method and the client; see script for the rest.
#include "fuzz.hpp"

#include "../proxy/rules/http_transcript.hpp"

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace http_response_fuzz {

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
void one_reading(std::string_view head, const http_response& r, const http_client_form& form) {
  unsigned lengths = 0, codings = 0, upgrades = 0;
  must(head.ends_with("\r\n\r\n") && head.find("\r\n\r\n") == head.size() - 4, "a head ends once");
  bool status_line = true;
  for (head.remove_suffix(2); !head.empty(); head.remove_prefix(head.find('\n') + 1)) {
    const std::string_view line = head.substr(0, head.find("\r\n"));
    must(head[line.size() + 1] == '\n' && line.find_first_of(std::string_view("\r\n\0", 3)) == line.npos,
         "a line ends in CRLF, and nowhere else");
    if (std::exchange(status_line, false)) continue;
    lengths += begins(line, "content-length:");
    codings += begins(line, "transfer-encoding:");
    upgrades += begins(line, "upgrade:");
    must(!begins(line, "proxy-") && !begins(line, "keep-alive:") && !begins(line, " ") && !begins(line, "\t"),
         "nothing of this hop goes on");
  }
  must(lengths + codings <= 1, "the framing is said once");
  must(codings == 0 || (r.body.what == http_framing::kind::chunked && form.version_1_1),
       "who can read chunks");
  must(upgrades == 0 || r.status == 101 || r.status == 426, "an upgrade goes on where it belongs");
}

std::string content(const http_framing& framing, std::string_view in, std::vector<std::size_t> pieces) {
  http_body b(framing);
  std::string out;
  pieces.push_back(in.size());
  for (const std::size_t size : pieces) {
    std::string_view part = in.substr(0, std::min(size, in.size()));
    in.remove_prefix(part.size());
    while (!part.empty()) {
      const_bytes found;
      const http_body::step s = b.next(http_test::as_bytes(part), found);
      must(s.bytes <= part.size() && found.size() <= s.bytes, "a step stays within its input");
      out.append(text(found));
      part.remove_prefix(s.bytes);
      if (s.what != http_body::status::more) return out + (s.what == http_body::status::done ? "|" : "!");
    }
  }
  return out;
}

void read_answer(const_bytes wire, choices& decide, std::string_view method, bool version_1_1) {
  const std::string whole = http_test::answer_in_pieces(text(wire), method);
  must(whole != "it needs too much", "a head has its limit");
  must(whole == http_test::answer_in_pieces(text(wire), method, cuts(decide)),
       "any cut of the input gives the same");
  const auto s = http_response_parser(method).next(wire);
  if (s.what != http_response_parser::status::complete) return;
  const http_response& r = s.response;
  must(s.consumed <= http_head_limits().bytes && r.fields.size() <= http_head_limits().fields,
       "a head has its limits");
  must(r.status >= 100 && r.status <= 999, "a status has three digits");
  must(!r.keeps || r.body.what != http_framing::kind::until_close, "a connection that ends is not kept");
  const http_client_form form{version_1_1, decide.below(2) == 0};
  const std::string head = http_client_head(r, form);
  one_reading(head, r, form);
  const auto again = http_response_parser(method, {head.size() + 1, 1000}).next(http_test::as_bytes(head));
  must(again.what == http_response_parser::status::complete, "what goes on can be read");
  must(again.response.status == r.status, "what goes on has the same status");
  must(form.dechunks(r.body) || again.response.body == r.body, "what goes on has the same framing");
  const std::string_view rest = text(wire).substr(s.consumed);
  must(content(r.body, rest, {}) == content(r.body, rest, cuts(decide)), "a body has one content");
}

}  // namespace
}  // namespace http_response_fuzz

FUZZ_TARGET(fuzz_http_response) {
  using namespace http_response_fuzz;
  if (in.empty()) return;
  const unsigned choice = std::to_integer<unsigned>(in[0]);
  script s(in.subspan(1));
  read_answer(s.wire, s.decide, choice % 2 ? "HEAD" : "GET", choice % 4 < 2);
}
