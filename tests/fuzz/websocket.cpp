// WebSocket: any cut of a peer's frames gives the same data, which are no more than the bytes that have come,
// and any request or answer of a handshake has one reading. The first byte chooses what reads, the second the
// size of the pieces.
#include "fuzz.hpp"

#include "proxy/websocket/reader.hpp"
#include "proxy/websocket/upgrade.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace websocket_fuzz {

using namespace fuzz;
using namespace muxpro;
using namespace muxpro::proxy;

namespace {

struct outcome {
  explicit outcome(bool masked) : reader(masked) {}
  void take(const_bytes in) {
    byte_string piece(in.begin(), in.end());
    const std::size_t n = reader.next(piece);
    must(n <= piece.size(), "data are no more than what has come");
    data.insert(data.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(n));
    if (const auto ping = reader.take_ping()) {
      must(ping->size() <= max_websocket_control, "a ping is short");
      last_ping = *ping;
    }
  }
  websocket_reader reader;
  byte_string data, last_ping;
};

void read_frames(bool masked, std::size_t piece, const_bytes in) {
  outcome whole(masked), cut(masked);
  whole.take(in);
  for (const_bytes rest = in; !rest.empty(); rest = rest.subspan(std::min(piece, rest.size())))
    cut.take(rest.first(std::min(piece, rest.size())));
  must(whole.data == cut.data && whole.last_ping == cut.last_ping, "any cut of frames gives the same data");
  must(whole.reader.failure() == cut.reader.failure() && whole.reader.closed() == cut.reader.closed() &&
           whole.reader.ended() == cut.reader.ended(),
       "any cut of frames ends in the same way");
}

void read_request(const_bytes in) {
  http_request_parser parser(upgrade_limits, http_target_form::origin);
  const auto step = parser.next(in);
  if (step.what != http_request_parser::status::complete) return;
  must(step.request.path.starts_with('/'), "a request in origin-form has a path");
  upgrade_options o;
  o.path = "/chat";
  for (const auto p : {upgrade_protocol::websocket, upgrade_protocol::raw}) {
    o.protocol = p;
    const upgrade_verdict v = judge_upgrade(step.request, o);
    must(v.answer.ends_with("\r\n\r\n") && (v.answer[9] == '1') == !v.refusal, "a verdict is one answer");
    must(v.early.empty() || !v.refusal, "a client that is refused has no early data");
  }
  forwarded_source(step.request, {"host"});
}

void read_answer(const_bytes in) {
  http_response_parser parser("GET", upgrade_limits);
  const auto step = parser.next(in);
  if (step.what == http_response_parser::status::complete)
    mistake_in_upgrade(step.response, upgrade_protocol::websocket, "dGhlIHNhbXBsZSBub25jZQ==");
}

}  // namespace
}  // namespace websocket_fuzz

FUZZ_TARGET(fuzz_websocket) {
  using namespace websocket_fuzz;
  if (in.size() < 2) return;
  const const_bytes wire = in.subspan(2);
  switch (std::to_integer<unsigned>(in[0]) % 4) {
    case 0: return read_frames(true, 1 + std::to_integer<std::size_t>(in[1]), wire);
    case 1: return read_frames(false, 1 + std::to_integer<std::size_t>(in[1]), wire);
    case 2: return read_request(wire);
    default: read_answer(wire);
  }
}
