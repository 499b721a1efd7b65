#include "proxy/trojan/packets.hpp"

#include "proxy/trojan/request.hpp"

#include <utility>

namespace muxpro::proxy {

framed_datagram read_trojan_packet(const_bytes received) {
  if (received.empty()) return {};
  byte_reader r(received, max_socks_address + 2 + trojan_line_end.size() + 65535);
  auto where = read_socks_address(r);
  if (r.missing()) return {};
  if (!where || !where->host.valid()) return framed_datagram::of_mistake();
  const std::size_t size = r.size(2);
  const std::string_view end = as_text(r.take(trojan_line_end.size()));
  if (r.missing()) return {};
  if (end != trojan_line_end) return framed_datagram::of_mistake();
  framed_datagram out;
  out.payload = r.take(size);
  if (r.missing()) return {};
  out.what = framed_datagram::status::datagram;
  out.where = std::move(where);
  out.consumed = r.position();
  return out;
}

bool append_trojan_packet(std::vector<std::byte>& out, const host_port& where, const_bytes payload) {
  if (payload.size() > max_trojan_packet || !where.host.valid()) return false;
  append_socks_address(out, where);
  out.push_back(static_cast<std::byte>(payload.size() >> 8U));
  out.push_back(static_cast<std::byte>(payload.size()));
  for (const char c : trojan_line_end) out.push_back(static_cast<std::byte>(c));
  out.insert(out.end(), payload.begin(), payload.end());
  return true;
}

}  // namespace muxpro::proxy
