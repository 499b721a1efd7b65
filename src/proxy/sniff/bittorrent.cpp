#include "proxy/sniff/bittorrent.hpp"

#include "proxy/base/byte_reader.hpp"

#include <optional>
#include <string_view>

namespace muxpro::proxy {

namespace {

using namespace std::string_view_literals;

constexpr auto peer_handshake =
    "\x13"
    "BitTorrent protocol"sv;

enum utp_type : std::uint8_t { data = 0, fin = 1, state = 2, reset = 3, syn = 4 };

struct utp_packet {
  std::uint8_t type = 0;
  std::uint16_t connection = 0;
  std::uint32_t sent_at = 0;     ///< microseconds of an unknown clock
  std::uint32_t difference = 0;  ///< to the other side's last packet
  std::uint16_t acknowledged = 0;
  bool has_payload = false;
};

/// Extensions that are in use, which are selective ack, bits and close reason.
constexpr std::uint64_t last_extension = 3;

// Whether the chain of extensions ends inside the packet.
bool pass_over_extensions(byte_reader& in, std::uint64_t next) {
  while (next != 0) {
    if (next > last_extension) return false;
    next = in.number(1);
    if (in.counted(1).empty()) return false;
  }
  return in.good();
}

// BEP 29, "header format". Version 1.
std::optional<utp_packet> read_utp(const_bytes datagram) {
  byte_reader in(datagram);
  const auto type_and_version = in.number(1);
  const auto extension = in.number(1);
  utp_packet p;
  p.type = static_cast<std::uint8_t>(type_and_version >> 4);
  p.connection = static_cast<std::uint16_t>(in.number(2));
  p.sent_at = static_cast<std::uint32_t>(in.number(4));
  p.difference = static_cast<std::uint32_t>(in.number(4));
  in.take(4 + 2);  // window, sequence number
  p.acknowledged = static_cast<std::uint16_t>(in.number(2));
  if (!in.good() || (type_and_version & 15) != 1 || p.type > syn) return std::nullopt;
  if (!pass_over_extensions(in, extension)) return std::nullopt;
  p.has_payload = in.left() > 0;
  if (p.has_payload != (p.type == data)) return std::nullopt;
  return p;
}

// Returns whether the packet opens a connection, so that it has nothing of the other side to measure or
// acknowledge.
bool opens_connection(const utp_packet& p) {
  return p.type == syn && p.difference == 0 && p.acknowledged == 0;
}

bool follows(const utp_packet& next, const utp_packet& before) {
  constexpr std::uint32_t long_time = 10'000'000;  // microseconds, retransmissions begin at one second
  const std::uint32_t passed = next.sent_at - before.sent_at;
  return next.type != syn && next.connection == before.connection && passed > 0 && passed < long_time;
}

constexpr sniff_status no_clue = sniff_status::no_clue;

sniff_result found() { return {sniff_status::found, "bittorrent", {}, {}}; }

}  // namespace

sniff_result sniff_bittorrent(const_bytes first) {
  const std::string_view text = as_text(first);
  if (text.starts_with(peer_handshake)) return found();
  return {peer_handshake.starts_with(text) ? sniff_status::need_more : no_clue, {}, {}, {}};
}

sniff_result sniff_utp(std::span<const const_bytes> first) {
  if (first.empty()) return {sniff_status::need_more, {}, {}, {}};
  const auto a = read_utp(first[0]);
  if (!a) return {};
  if (a->type == syn) return opens_connection(*a) ? found() : sniff_result();
  if (first.size() == 1) return {sniff_status::need_more, {}, {}, {}};
  const auto b = read_utp(first[1]);
  return b && follows(*b, *a) ? found() : sniff_result();
}

}  // namespace muxpro::proxy
