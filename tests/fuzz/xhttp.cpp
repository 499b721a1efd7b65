// Requests of XHTTP: a server's verdict names nothing that is not in the request, its answer is one of HTTP,
// and parts of an upload have their turns in order. The first bytes choose, and the rest is a request; see
// script.
#include "fuzz.hpp"

#include "proxy/base/byte_reader.hpp"
#include "proxy/base/text.hpp"
#include "proxy/http/target.hpp"
#include "proxy/xhttp/request.hpp"
#include "proxy/xhttp/upload_reorder_buffer.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace xhttp_fuzz {

using namespace fuzz;
using namespace muxpro::proxy;

namespace {

xhttp_options options_of(choices& decide) {
  xhttp_options o;
  o.mode = static_cast<xhttp_mode>(decide.below(4));
  o.padding = {1, 20};
  o.padding_form.chosen = decide.flag();
  o.padding_form.where = static_cast<xhttp_padding_form::place>(decide.below(4));
  o.padding_form.tokenish = decide.flag();
  o.session = {static_cast<xhttp_label::place>(decide.below(4)), "s"};
  o.number = {static_cast<xhttp_label::place>(decide.below(4)), "n"};
  o.data_place = static_cast<xhttp_data_place>(decide.below(4));
  o.data_key = "d";
  o.post_bytes = {1, 100};
  if (decide.flag()) o.host = "a.example";
  set_xhttp_path(o, decide.flag() ? "/up" : "");
  return o;
}

void judge(const http_request& r, const xhttp_options& o) {
  const xhttp_verdict v = judge_xhttp(r, o);
  must(v.session.size() <= longest_xhttp_session, "names of sessions are bounded");
  const bool in_path = o.session.where == xhttp_label::place::path;
  must(!in_path || decoded_path(r.path).find(v.session) != std::string::npos,
       "a session is named by the path");
  must(v.what != xhttp_purpose::refused || (v.status >= 400 && *v.reason != 0), "a refusal has a reason");
  must(v.what != xhttp_purpose::both || v.session.empty(), "a request for both has no session");
  must(v.what != xhttp_purpose::post || v.data.size() + r.body.length <= 100, "parts are bounded");
  must(v.data.empty() || v.what == xhttp_purpose::post, "parts alone have data");
  for (const http_field& f : xhttp_answer(r, v.what, o, 3))
    must(is_token(f.name) && std::all_of(f.value.begin(), f.value.end(), is_line_char),
         "fields are one line");
}

void order(choices& decide) {
  upload_reorder_buffer turns(4);
  std::uint64_t next = 0;
  std::size_t waiting = 0;
  while (!decide.over()) {
    const std::uint64_t n = next + decide.below(8);
    waiting += turns.enter(n) == upload_reorder_buffer::entry::waits;
    must(waiting <= upload_reorder_buffer::most_behind_present, "parts that wait are bounded");
    must(turns.has_turn(next), "the next one has its turn");
    if (!decide.flag() || !turns.is_next_there()) continue;
    turns.next();
    ++next;
    --waiting;
    must(turns.empty() == (waiting == 0), "each part leaves");
  }
}

}  // namespace
}  // namespace xhttp_fuzz

FUZZ_TARGET(fuzz_xhttp) {
  using namespace xhttp_fuzz;
  script s(in);
  const xhttp_options o = options_of(s.decide);
  http_request_parser parser({8192, 64}, http_target_form::origin);
  const auto step = parser.next(s.wire);
  if (step.what == http_request_parser::status::complete) judge(step.request, o);
  order(s.decide);
}
