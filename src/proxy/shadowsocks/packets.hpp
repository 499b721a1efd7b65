// A datagram with its target or its sender, sealed in a packet. Ring 4, a rule without clock.
//   SIP004: salt | sealed: address, data
//   SIP022: block of AES: u64 session, u64 packet | identity headers | sealed: u8 type, u64 time, [u64
//   session
//           of the client], u16 length, padding, address, data
//   SIP022 with ChaCha20: nonce of 24 bytes | sealed: u64 session, u64 packet, and the rest as above
#pragma once

#include "proxy/base/sealed_datagrams.hpp"
#include "proxy/shadowsocks/cipher.hpp"
#include "proxy/shadowsocks/clock.hpp"
#include "proxy/shadowsocks/keys.hpp"
#include "proxy/shadowsocks/message.hpp"
#include "proxy/shadowsocks/method.hpp"
#include "proxy/shadowsocks/packet_window.hpp"
#include "proxy/socks/wire.hpp"

#include <muxpro/codec.hpp>
#include <muxpro/destination.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace muxpro::proxy {

/// Bytes that a text has beside its data at most. Padding is not sent.
inline constexpr std::size_t most_packet_head = shadowsocks_message_head + 8 + 2 + max_socks_address;

/// Returns the address and the data, or nothing without a valid address.
std::optional<opened_packet> read_packet_text(const_bytes text);

// --- SIP004

/// Appends the packet. `salt` is a new one.
void seal_packet(std::vector<std::byte>& out, const shadowsocks_method& m, const_bytes key, const_bytes salt,
                 const_bytes text);
/// `text` gets what was sealed. Returns false if the packet is not authentic.
bool open_packet(std::vector<std::byte>& text, const shadowsocks_method& m, const_bytes key,
                 const_bytes packet);

// --- SIP022

struct packet_number {
  std::uint64_t session = 0, packet = 0;
};
using packet_block = aes_blocks::block;
packet_block block_of(packet_number n);

/// Opens the headers of packets. Belongs to one strand.
class packet_headers {
 public:
  /// `key` is the first one that the sender uses.
  packet_headers(const shadowsocks_method& m, const_bytes key);

  struct opened {
    packet_number number;
    /// The bytes behind the header. For a method without blocks that is the text, which is authentic.
    bytes rest;
  };
  /// Decrypts in place. Returns nothing if the packet is too short, or not authentic.
  std::optional<opened> open(bytes packet);
  /// Takes an identity header, encrypted with the same key. Returns identity_of() the next key.
  std::optional<key_identity> take_identity(opened& p);

 private:
  std::optional<aes_blocks> blocks_;
  std::optional<sealing_key> cipher_;
};

/// Opens the packets of one session. Belongs to one strand.
class packet_receiver {
 public:
  packet_receiver(const shadowsocks_method& m, const_bytes key, std::uint64_t session);

  /// Decrypts in place and returns the text. Returns nothing if the packet was received before, or is not
  /// authentic.
  std::optional<const_bytes> open(const packet_headers::opened& p) noexcept;
  /// The packet was valid.
  void accept(packet_number n) noexcept { received_.add(n.packet); }

 private:
  std::optional<sealing_key> cipher_;
  packet_window received_;
};

/// Seals the packets of one session. Belongs to one strand.
class packet_sender {
 public:
  /// `keys` are those of servers on the way, then the user's.
  packet_sender(const shadowsocks_method& m, std::vector<shadowsocks_key> keys, std::uint64_t session);

  std::uint64_t session() const noexcept { return next_.session; }
  /// Appends the next packet.
  void seal(std::vector<std::byte>& out, const_bytes text);

 private:
  void seal_behind_blocks(std::vector<std::byte>& out, const_bytes text);

  const std::vector<shadowsocks_key> keys_;
  std::vector<aes_blocks> blocks_;  ///< by the keys of headers
  sealing_key cipher_;
  packet_number next_;
};

/// What is in front of the address.
struct packet_head {
  std::string late;                  ///< clock_mistake()
  std::uint64_t client_session = 0;  ///< in a response
  const_bytes rest;
};
/// Returns nothing if it is broken, or of another type.
std::optional<packet_head> read_packet_head(const_bytes text, shadowsocks_message type, unix_time now);
/// A number that no other session has.
std::uint64_t new_packet_session();

}  // namespace muxpro::proxy
