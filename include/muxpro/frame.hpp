// The frames as values, one struct each. codec.hpp describes their bytes. Ring 0.
#pragma once

#include <muxpro/destination.hpp>
#include <muxpro/error.hpp>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

namespace muxpro {

using stream_id = std::uint16_t;
/// Names a UDP source for the life of its process. All zero means absent.
using global_id = std::array<std::uint8_t, 8>;

struct version {
  std::uint16_t major = 0;
  std::uint16_t minor = 0;

  friend auto operator<=>(const version&, const version&) = default;
};

inline constexpr version version_0_0{0, 0};
/// Adds addresses on UDP datagrams and the GlobalID.
inline constexpr version version_0_1{0, 1};

/// The protocol of the peer. The first two are readings of the draft of Mux.Pro, which the layout of the
/// peer's negotiation shows.
enum class dialect : std::uint8_t {
  spec,      ///< the count of versions stands in the metadata
  go,        ///< the count stands in the extra data, and the peer cannot read error codes or half-closes
  mux_cool,  ///< Mux.Cool with XUDP, as V2Ray and Xray implement it, without negotiation
};

/// Largest metadata that the decoder ever buffers (the largest legal frame has 273 bytes).
inline constexpr std::size_t max_metadata = 512;
/// Largest extra data block, whose length is a u16.
inline constexpr std::size_t max_extra_data = 65535;
/// Largest UDP payload over IPv4 (RFC 768, RFC 791).
inline constexpr std::size_t max_datagram = 65507;

struct negotiate_version {
  dialect layout = dialect::spec;
  std::vector<version> versions;

  friend bool operator==(const negotiate_version&, const negotiate_version&) = default;
};

struct new_stream {
  stream_id id = 0;
  std::uint8_t priority = 0;  ///< 0 is served first, 255 last
  destination target;
  std::optional<global_id> source;    ///< UDP under 0.1 only
  std::optional<std::uint16_t> data;  ///< size of the extra data that follows, if announced
  bool valid = true;                  ///< false if the frame is well delimited but has no valid target

  friend bool operator==(const new_stream&, const new_stream&) = default;
};

struct keep {
  stream_id id = 0;
  std::optional<std::uint16_t> data;  ///< size of the extra data that follows, if announced
  bool addressed = false;             ///< bit U, the datagram has an address prefix. Never in Mux.Cool

  friend bool operator==(const keep&, const keep&) = default;
};

struct end {
  stream_id id = 0;
  end_code code = end_code::graceful;

  friend bool operator==(const end&, const end&) = default;
};

struct keep_alive {
  stream_id id = 0;  ///< random, names no sub-stream

  friend bool operator==(const keep_alive&, const keep_alive&) = default;
};

struct credit_update {
  stream_id id = 0;
  std::uint32_t increment = 0;

  friend bool operator==(const credit_update&, const credit_update&) = default;
};

using frame = std::variant<keep, negotiate_version, new_stream, end, keep_alive, credit_update>;

/// The same types in the order of statistics.
enum class frame_type : std::uint8_t { keep, negotiate_version, new_stream, end, keep_alive, credit_update };
inline constexpr std::size_t frame_types = std::variant_size_v<frame>;

}  // namespace muxpro
