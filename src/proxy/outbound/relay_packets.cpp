#include "proxy/outbound/relay_packets.hpp"

#include "proxy/net/wall_clock.hpp"

#include <string>

namespace muxpro::proxy {

const std::vector<std::byte>& relay_packets::seal(asio::const_buffer data, const host_port& peer,
                                                  std::error_code& ec) {
  if (!peer.host.valid()) ec = errc::bad_host;
  packet_.clear();
  const const_bytes payload(static_cast<const std::byte*>(data.data()), data.size());
  if (!ec) format_->seal(packet_, peer, payload, wall_clock());
  if (packet_.size() > max_datagram) ec = errc::datagram_too_large;
  if (ec) drop(drop_reason::not_sent);
  return packet_;
}

std::optional<opened_packet> relay_packets::open(bytes packet) {
  std::string mistake;
  auto datagram = format_->open(packet, wall_clock(), mistake);
  const auto lost = [this](drop_reason why) { return drop(why), std::nullopt; };
  if (!datagram) return lost(drop_reason::malformed);
  if (!is_answer(datagram->where)) return lost(drop_reason::foreign_sender);
  return datagram;
}

// The server resolves a name. The first address that answers is that of the target.
bool relay_packets::is_answer(const host_port& peer) {
  if (!only_) return true;
  if (only_->host.is_domain() && !peer.host.is_domain() && only_->port == peer.port) only_ = peer;
  return peer == *only_;
}

}  // namespace muxpro::proxy
