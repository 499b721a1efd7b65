// Datagrams with their addresses in the packets of a protocol, for a server and for a client. Ring 4,
// interfaces of rules.
#pragma once

#include "proxy/base/unix_time.hpp"

#include <muxpro/codec.hpp>
#include <muxpro/destination.hpp>
#include <muxpro/proxy/context.hpp>

#include <asio/ip/address.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace muxpro::proxy {

/// What was in a packet. The payload lies in the packet, or in memory of what has opened it until that opens
/// another one.
struct opened_packet {
  host_port where;
  const_bytes payload;
};

/// A client of a server, or a session of it. Belongs to one strand.
class sealed_source {
 public:
  virtual ~sealed_source() = default;
  /// What distinguishes it from the others of its server.
  virtual std::uint64_t number() const noexcept = 0;
  virtual const user_account& account() const noexcept = 0;
  /// Whether each of its packets may come from another address. Answers go to the newest.
  virtual bool moves() const noexcept = 0;
  /// Appends the packet of a datagram from `peer`, whose host is valid. Throws std::runtime_error if
  /// libcrypto fails.
  virtual void seal(std::vector<std::byte>& out, const host_port& peer, const_bytes payload,
                    unix_time now) = 0;
};

/// The server's side of all packets that come to a port. Belongs to one strand.
class sealed_datagrams {
 public:
  virtual ~sealed_datagrams() = default;
  struct opened {
    std::shared_ptr<sealed_source> by;
    opened_packet packet;
  };
  /// Decrypts in place or in memory of its own. Returns nothing if the packet belongs to no user, was
  /// received before, or is broken. `mistake` gets a sentence for the log if the operator can correct the
  /// cause. Throws std::runtime_error if libcrypto fails.
  virtual std::optional<opened> open(bytes packet, const asio::ip::address& source, unix_time now,
                                     std::string& mistake) = 0;
};

/// The client's side of the packets that it exchanges with a server. Belongs to one strand.
class packet_exchange {
 public:
  virtual ~packet_exchange() = default;
  /// Appends the packet of a datagram to `peer`, whose host is valid. Throws std::runtime_error if libcrypto
  /// fails.
  virtual void seal(std::vector<std::byte>& out, const host_port& peer, const_bytes payload,
                    unix_time now) = 0;
  /// As sealed_datagrams::open().
  virtual std::optional<opened_packet> open(bytes packet, unix_time now, std::string& mistake) = 0;
};

}  // namespace muxpro::proxy
