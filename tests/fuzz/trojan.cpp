// Trojan: any cut of a request gives the same, a client without a password gets nowhere, and what was read,
// written again, reads the same. The first byte chooses what reads; see script for the rest.
#include "keyed_promises.hpp"

#include "proxy/trojan/packets.hpp"
#include "proxy/trojan/request.hpp"

FUZZ_TARGET(fuzz_trojan) {
  using namespace muxpro::proxy;
  static const std::string key = trojan_key("alice");
  static const accounts users = fuzz::only_alice(key);
  if (in.empty()) return;
  const muxpro::const_bytes wire = in.subspan(1);
  if (std::to_integer<unsigned>(in[0]) % 2 == 0)
    fuzz::read_request(
        wire, max_trojan_request, [](muxpro::const_bytes b) { return read_trojan_request(b, users); },
        [](const auto& target) { return trojan_request(key, target); });
  else
    fuzz::read_packets(wire, read_trojan_packet, append_trojan_packet);
}
