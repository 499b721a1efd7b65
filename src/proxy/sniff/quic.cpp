#include "proxy/sniff/quic.hpp"

#include "proxy/base/byte_reader.hpp"
#include "proxy/sniff/client_hello.hpp"
#include "proxy/sniff/crypto_stream.hpp"
#include "proxy/sniff/quic_keys.hpp"

#include <algorithm>
#include <optional>
#include <vector>

namespace muxpro::proxy {

namespace {

constexpr std::uint64_t long_header = 0x80, fixed_bit = 0x40;
constexpr std::size_t max_connection_id = 20;  // RFC 9000 section 17.2

// RFC 9000 section 16.
std::uint64_t varint(byte_reader& in) {
  const auto first = in.number(1);
  const std::size_t more = (std::size_t{1} << (first >> 6)) - 1;
  const auto rest = in.number(more);
  return (first & 0x3f) << (8 * more) | rest;
}

const_bytes take_varint(byte_reader& in) {
  const std::uint64_t n = varint(in);
  return in.take(n > in.left() ? in.left() + 1 : static_cast<std::size_t>(n));
}

struct long_packet {
  const quic_version* version = nullptr;
  bool initial = false;
  const_bytes id;          ///< destination connection id
  const_bytes whole;       ///< header and protected payload
  std::size_t number = 0;  ///< where the packet number begins
};

// Takes a packet off the front of a datagram. Returns nothing for short headers, for versions and types
// without a length, and for other protocols.
std::optional<long_packet> take_packet(const_bytes& datagram) {
  byte_reader in(datagram);
  long_packet p;
  const auto flags = in.number(1);
  p.version = find_quic_version(in.number(4));
  if ((flags & (long_header | fixed_bit)) != (long_header | fixed_bit) || !p.version) return std::nullopt;
  const auto type = flags >> 4 & 3;
  if (type == p.version->retry) return std::nullopt;
  p.initial = type == p.version->initial;
  p.id = in.counted(1);
  const const_bytes source_id = in.counted(1);
  if (p.id.size() > max_connection_id || source_id.size() > max_connection_id) return std::nullopt;
  if (p.initial) take_varint(in);  // token
  const std::uint64_t length = varint(in);
  p.number = in.position();
  if (!in.good() || length > in.left()) return std::nullopt;
  p.whole = datagram.first(p.number + static_cast<std::size_t>(length));
  datagram = datagram.subspan(p.whole.size());
  return p;
}

// Returns the frames of an Initial packet, or nothing if it is not authentic.
std::optional<std::vector<std::byte>> opened(const long_packet& p, const quic_keys& keys) {
  if (p.whole.size() < p.number + 4 + quic_keys::sample_size) return std::nullopt;
  const auto mask = keys.mask(p.whole.subspan(p.number + 4, quic_keys::sample_size));
  const std::byte flags = p.whole[0] ^ (mask[0] & std::byte{0x0f});
  const std::size_t size = std::to_integer<std::size_t>(flags & std::byte{3}) + 1;
  std::vector<std::byte> header(p.whole.begin(),
                                p.whole.begin() + static_cast<std::ptrdiff_t>(p.number + size));
  header[0] = flags;
  // A client's first packet numbers are small, so the bytes that are sent are the whole numbers.
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < size; ++i) {
    header[p.number + i] ^= mask[i + 1];
    number = number << 8 | std::to_integer<std::uint64_t>(header[p.number + i]);
  }
  std::vector<std::byte> frames;
  if (!keys.open(number, header, p.whole.subspan(p.number + size), frames)) return std::nullopt;
  return frames;
}

void pass_over_ack(byte_reader& in, bool with_ecn) {
  varint(in);  // largest acknowledged
  varint(in);  // delay
  const auto ranges = varint(in);
  varint(in);  // first range
  for (std::uint64_t i = 0; i < ranges && in.good(); ++i) {
    varint(in);
    varint(in);
  }
  for (int i = 0; with_ecn && i < 3; ++i) varint(in);
}

void pass_over_close(byte_reader& in) {
  varint(in);  // error code
  varint(in);  // frame type
  take_varint(in);
}

// Gathers the frames that an Initial packet may hold (RFC 9000 section 12.4). Returns false if it holds
// anything else.
bool gather_crypto(const_bytes frames, crypto_stream& to) {
  byte_reader in(frames);
  while (in.left() > 0) {
    switch (in.number(1)) {
      case 0x00:                                   // PADDING
      case 0x01: break;                            // PING
      case 0x02: pass_over_ack(in, false); break;  // ACK
      case 0x03: pass_over_ack(in, true); break;   // ACK with ECN counts
      case 0x1c: pass_over_close(in); break;       // CONNECTION_CLOSE
      case 0x06: {                                 // CRYPTO
        const auto offset = varint(in);
        const const_bytes piece = take_varint(in);
        if (in.good()) to.insert(offset, piece);
        break;
      }
      default: return false;
    }
  }
  return in.good();
}

sniff_result quic_found(std::string domain) { return {sniff_status::found, "quic", std::move(domain), {}}; }

// Datagrams in the order of arrival, until something is certain.
class initial_flight {
 public:
  sniff_result add(const_bytes datagram) {
    bool any = false;
    while (const auto p = take_packet(datagram)) {
      any = true;
      if (!p->initial) continue;
      if (auto r = add(*p); r.status != sniff_status::need_more) return r;
    }
    // Any bytes may follow a first packet, and another datagram may belong to another connection.
    return {any || seen_ ? sniff_status::need_more : sniff_status::no_clue, {}, {}, {}};
  }

 private:
  sniff_result add(const long_packet& p) {
    if (++packets_ > max_quic_packets) return quic_found({});
    if (!keys_) return begin(p);
    if (p.version != version_ || !std::equal(p.id.begin(), p.id.end(), id_.begin(), id_.end())) return more();
    const auto frames = opened(p, *keys_);
    return frames ? read(*frames) : more();
  }

  sniff_result begin(const long_packet& p) {
    version_ = p.version;
    id_ = p.id;
    keys_.emplace(*p.version, p.id);
    const auto frames = opened(p, *keys_);
    return frames ? read(*frames) : sniff_result();
  }

  sniff_result read(const_bytes frames) {
    seen_ = true;
    if (!gather_crypto(frames, crypto_)) return quic_found({});
    hello_clue clue = read_client_hello(crypto_.from_begin());
    if (clue.status == sniff_status::need_more && !crypto_.full()) return more();
    return quic_found(std::move(clue.server_name));
  }

  static sniff_result more() { return {sniff_status::need_more, {}, {}, {}}; }

  const quic_version* version_ = nullptr;
  const_bytes id_;
  std::optional<quic_keys> keys_;
  std::size_t packets_ = 0;
  bool seen_ = false;  ///< an authentic packet
  crypto_stream crypto_;
};

}  // namespace

sniff_result sniff_quic(std::span<const const_bytes> first) {
  initial_flight flight;
  for (const const_bytes datagram : first)
    if (auto r = flight.add(datagram); r.status != sniff_status::need_more) return r;
  return {sniff_status::need_more, {}, {}, {}};
}

}  // namespace muxpro::proxy
