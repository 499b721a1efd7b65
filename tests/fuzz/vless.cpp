// VLESS: any cut of a request gives the same, no stranger gets past the question who he is, and what was
// read, written again, reads the same. The first byte chooses what reads; see script for the rest.
#include "fuzz.hpp"

#include "proxy/vless/packets.hpp"
#include "proxy/vless/request.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

namespace vless_fuzz {

using namespace fuzz;
using namespace muxpro;
using namespace muxpro::proxy;

namespace {

const uuid id = *parse_uuid("alice");

const accounts& one_user() {
  static const accounts all = [] {
    accounts users;
    user_account alice;
    alice.name = "alice";
    users.add_key(alice, vless_key(id));
    return users;
  }();
  return all;
}

bool same(const request_head& a, const request_head& b) {
  return a.what == b.what && a.consumed == b.consumed && a.user == b.user && a.target == b.target &&
         std::string_view(a.reason) == b.reason;
}

void read_request(const_bytes in) {
  const request_head whole = read_vless_request(in, one_user());
  bool decided = false;
  for (std::size_t n = 0; n <= in.size() && n <= max_vless_request; ++n) {
    const std::vector<std::byte> prefix(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(n));
    const request_head h = read_vless_request(prefix, one_user());
    const bool waits = h.what == request_head::status::need_more;
    must(waits ? !decided : same(h, whole), "any cut of the input gives the same");
    must(!waits || n < max_vless_request, "a request needs no more than its longest form");
    decided = !waits;
  }
  if (whole.what != request_head::status::request) return;
  must(whole.user.name == "alice", "a request has a user");
  must(whole.target.host.valid() && whole.target.port != 0, "a request has a target");
  const auto again = read_vless_request(vless_request(id, whole.target), one_user());
  must(again.what == whole.what && again.target == whole.target, "a request, written again, is the same");
}

void read_response(const_bytes in) {
  std::error_code whole_ec;
  const std::size_t whole = read_vless_response(in, whole_ec);
  for (std::size_t n = 0; n <= in.size() && n < 300; ++n) {
    std::error_code ec;
    const std::size_t size = read_vless_response(in.first(n), ec);
    must(ec ? ec == whole_ec : size == 0 || size == whole, "any cut of the input gives the same");
    must(size <= n, "the head of a response takes bytes that are there");
  }
}

void read_packets(const_bytes in) {
  for (;;) {
    const framed_datagram d = read_vless_packet(in);
    if (d.what != framed_datagram::status::datagram) return;
    must(d.consumed > 0 && d.consumed <= in.size(), "a datagram takes its bytes");
    must(d.payload.data() + d.payload.size() == in.data() + d.consumed, "a payload is the end of its frame");
    std::vector<std::byte> again;
    const host_port where = d.where.value_or(host_port());
    if (append_vless_packet(again, where, d.payload)) {
      const framed_datagram second = read_vless_packet(again);
      must(second.consumed == again.size() && second.where == d.where &&
               std::equal(second.payload.begin(), second.payload.end(), d.payload.begin(), d.payload.end()),
           "a datagram, written again, is the same");
    }
    in = in.subspan(d.consumed);
  }
}

}  // namespace
}  // namespace vless_fuzz

FUZZ_TARGET(fuzz_vless) {
  using namespace vless_fuzz;
  if (in.empty()) return;
  const const_bytes wire = in.subspan(1);
  switch (std::to_integer<unsigned>(in[0]) % 3) {
    case 0: return read_request(wire);
    case 1: return read_response(wire);
    default: read_packets(wire);
  }
}
