// VLESS: any cut of a request gives the same, a client without an id gets nowhere, and what was read, written
// again, reads the same. The first byte chooses what reads; see script for the rest.
#include "keyed_promises.hpp"

#include "proxy/vless/packets.hpp"
#include "proxy/vless/request.hpp"

#include <system_error>

namespace vless_fuzz {

using namespace fuzz;
using namespace muxpro::proxy;

namespace {

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

}  // namespace
}  // namespace vless_fuzz

FUZZ_TARGET(fuzz_vless) {
  using namespace vless_fuzz;
  static const uuid id = *parse_uuid("alice");
  static const accounts users = only_alice(vless_key(id));
  if (in.empty()) return;
  const const_bytes wire = in.subspan(1);
  switch (std::to_integer<unsigned>(in[0]) % 3) {
    case 0:
      return read_request(
          wire, max_vless_request, [](const_bytes b) { return read_vless_request(b, users); },
          [](const auto& target) { return vless_request(id, target); });
    case 1: return read_response(wire);
    default: read_packets(wire, read_vless_packet, append_vless_packet);
  }
}
