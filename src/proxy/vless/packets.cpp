#include "proxy/vless/packets.hpp"

#include "proxy/base/byte_reader.hpp"

namespace muxpro::proxy {

framed_datagram read_vless_packet(const_bytes received) {
  byte_reader r(received, 2 + 65535);
  framed_datagram out;
  out.payload = r.counted(2);
  if (r.missing()) return {};
  out.what = framed_datagram::status::datagram;
  out.consumed = r.position();
  return out;
}

bool append_vless_packet(std::vector<std::byte>& out, const host_port&, const_bytes payload) {
  if (payload.empty() || payload.size() > max_vless_packet) return false;
  out.push_back(static_cast<std::byte>(payload.size() >> 8U));
  out.push_back(static_cast<std::byte>(payload.size()));
  out.insert(out.end(), payload.begin(), payload.end());
  return true;
}

}  // namespace muxpro::proxy
