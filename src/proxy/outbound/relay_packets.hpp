// The packets of one client's socket, as a server that relays its datagrams sends and gets them.
#pragma once

#include "proxy/base/sealed_datagrams.hpp"

#include <muxpro/proxy/datagram_stream.hpp>

#include <asio/buffer.hpp>

#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

namespace muxpro::proxy {

class relay_packets {
 public:
  /// With `only`, answers of others than that target are dropped. `dropped` counts what is lost.
  relay_packets(std::unique_ptr<packet_exchange> format, std::optional<host_port> only, count_drops dropped)
      : format_(std::move(format)), only_(std::move(only)), dropped_(std::move(dropped)) {}

  /// Returns the packet of a datagram to `peer`, which is valid until the next call. Errors: errc::bad_host,
  /// errc::datagram_too_large. The datagram was dropped then.
  const std::vector<std::byte>& seal(asio::const_buffer data, const host_port& peer, std::error_code& ec);
  /// Returns the datagram in a packet, or nothing if it was dropped.
  std::optional<opened_packet> open(bytes packet);
  void drop(drop_reason why) const { dropped_(why, 1); }

 private:
  bool is_answer(const host_port& peer);

  std::unique_ptr<packet_exchange> format_;
  std::optional<host_port> only_;
  count_drops dropped_;
  std::vector<std::byte> packet_;  ///< to the server
};

/// Copies a payload for datagram_stream::receive(), whose error is message_size if it does not fit.
inline std::size_t copy_payload(asio::mutable_buffer into, const_bytes payload, std::error_code& ec) {
  if (payload.size() > into.size()) ec = asio::error::message_size;
  return asio::buffer_copy(into, asio::buffer(payload.data(), payload.size()));
}

}  // namespace muxpro::proxy
