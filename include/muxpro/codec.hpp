// Frames to bytes and back, for both roles: Mux.Pro with both negotiation layouts in versions 0.0 and 0.1,
// and Mux.Cool.
//
// A frame. Integers are big-endian.
//   u16 L | metadata of L bytes, 4 <= L <= 512 | with extra data: u16 X | X bytes
//   metadata = u16 id | u8 state | u8 options | fields of the state; bytes behind these fields are ignored
// Option 1 announces extra data, in an End an error code. The states:
//   0 NegotiateVersion  Id 0. In layout S the metadata have a u8 count, and the extra data have so many
//                       versions of u32. In layout G the count is the first byte of the extra data.
//   1 New               u8 network (1 TCP, 2 UDP), u8 priority (0 is served first), u16 port, u8 address
//                       type (1 IPv4, 2 domain with a u8 length, 3 IPv6), address, and for UDP in 0.1 an
//                       optional GlobalID of 8 bytes. The extra data go to the target.
//   2 Keep              The extra data are bytes of the sub-stream. With option 2, for UDP in 0.1, they
//                       are u8 2, u16 port, u8 address type, address, and one datagram.
//   3 End               No more bytes from this side. A u16 code aborts both directions: 1 disconnect,
//                       2 timeout, 3 protocol error, 4 resources, 5 unreachable, 6 rejected. Each side
//                       sends one End.
//   4 KeepAlive         Any id, no options. It gets no answer.
//   5 CreditUpdate      The extra data are an increment of u16 or u32.
//
// Negotiation. The server answers in the layout of the client, with the numerically highest version that both
// support. 0.0 is 0x00000000. 0.1 is 0x00000001 and adds addresses of datagrams and the GlobalID. A reader of
// layout G loses its place after an error code, so an End to it never has one.
//
// Credit. Each direction of a sub-stream begins with 65536 bytes, against which extra data of New and Keep
// count. A CreditUpdate grants what the application has consumed. A sub-stream that sends more than was
// granted ends with code 3.
//
// Errors. A frame whose boundary or state cannot be trusted ends the session. A wrong meaning ends its
// sub-stream. Odd but harmless frames are counted against a budget.
//
// Mux.Cool has the same frame and the states 1 to 4, with these differences:
//   New                 No priority. The optional GlobalID of UDP is there only with extra data.
//   Keep                For UDP the metadata may go on with u8 2, u16 port, u8 address type, address, which
//                       is the target or the source of the datagram. Other bytes there are ignored.
//   End                 Both directions end. Option 2 stands for an abort, and there is no code. The peer
//                       answers with its own End.
//   any                 An id may be 0, and extra data of End and KeepAlive are skipped.
// It has neither negotiation nor credit.
//
// Useful alone, because it needs no Asio and no I/O. It allocates only for the list of versions and for long
// host names.
#pragma once

#include <muxpro/frame.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

namespace muxpro {

using const_bytes = std::span<const std::byte>;
using bytes = std::span<std::byte>;

/// Cuts a byte stream into frames and payload. Call order:
///   while (!in.empty()) {
///     auto s = decoder.next(in);             // consumes a prefix of `in`
///     in = in.subspan(s.consumed);
///     header:    decoder.current() is a frame. If it announces data, payload steps follow
///     payload:   s.payload is a part of it, lying inside `in`, payload_left() bytes are to come
///     need_more: all of `in` was taken. Feed what arrives next
///     error:     s.error is the reason. The stream is unusable from here on
///   }
/// Any cut of the input gives the same frames. Only the pieces of payload differ.
/// Lengths are checked before bytes are buffered. At most header_capacity bytes are buffered.
class decoder {
 public:
  enum class status { need_more, header, payload, error };

  struct step {
    status what = status::need_more;
    std::size_t consumed = 0;
    const_bytes payload;
    std::error_code error;
  };

  /// `agreed` decides whether a GlobalID is read. Metadata above `metadata_limit` is an error.
  explicit decoder(version agreed = version_0_1, std::size_t metadata_limit = max_metadata) noexcept
      : version_(agreed), metadata_limit_(metadata_limit < max_metadata ? metadata_limit : max_metadata) {}

  void agreed(version v, dialect d = dialect::spec) noexcept {
    version_ = v;
    mux_cool_ = d == dialect::mux_cool;
  }

  step next(const_bytes in);

  const frame& current() const noexcept { return current_; }
  /// Returns the address in the current Keep of Mux.Cool.
  const std::optional<host_port>& address_of_keep() const noexcept { return address_of_keep_; }
  /// Bytes of the current frame's extra data that have not been handed out yet.
  std::size_t payload_left() const noexcept { return payload_left_; }
  /// Returns whether the input may end here, that is not inside a frame.
  bool at_boundary() const noexcept { return held_ == 0 && payload_left_ == 0 && !failure_; }

  /// u16 length, metadata, u16 length, and the longest extra data that belongs to a header: 255 versions.
  static constexpr std::size_t header_capacity = 2 + max_metadata + 2 + 1 + 255 * 4;

 private:
  struct parsed {
    std::size_t size = 0;  ///< bytes of the header, or bytes needed to go on if `complete` is false
    bool complete = false;
    std::error_code error;
  };

  parsed parse(const_bytes in);
  parsed parse_mux_cool(const_bytes in, std::size_t metadata_end);
  parsed parse_skipped(const_bytes in, std::size_t metadata_end);
  parsed parse_extra(const_bytes in, std::size_t metadata_end);
  parsed parse_versions(const_bytes in, std::size_t metadata_end, negotiate_version& f);
  step finish(parsed p, std::size_t consumed);

  version version_;
  bool mux_cool_ = false;
  std::size_t metadata_limit_;
  std::size_t payload_left_ = 0;
  std::size_t held_ = 0;
  frame current_;
  std::optional<host_port> address_of_keep_;
  std::error_code failure_;
  std::vector<std::byte> header_;  ///< of which the first `held_` bytes have come
};

/// Most bytes that encode() writes for a frame other than a negotiation.
inline constexpr std::size_t max_encoded_header = 2 + 273 + 2;

/// Writes a frame's header to the front of `out` and returns its size. The caller appends the announced data.
/// `out` must hold max_encoded_header bytes, for a negotiation 2 + 5 + 2 + 1 + 4 per version.
/// An End carries its code only if the code is not graceful. Toward dialect::go it must be graceful.
std::size_t encode(const negotiate_version& f, bytes out) noexcept;
std::size_t encode(const new_stream& f, bytes out, dialect d = dialect::spec) noexcept;
std::size_t encode(const keep& f, bytes out) noexcept;
std::size_t encode(const end& f, bytes out, dialect d = dialect::spec) noexcept;
std::size_t encode(const keep_alive& f, bytes out) noexcept;
std::size_t encode(const credit_update& f, bytes out) noexcept;

/// A frame of any type in a dialect.
template <class Frame>
std::size_t encode_in(dialect d, const Frame& f, bytes out) noexcept {
  if constexpr (std::is_same_v<Frame, new_stream> || std::is_same_v<Frame, end>)
    return encode(f, out, d);
  else
    return encode(f, out);
}
/// Encodes a Keep of Mux.Cool with the address of its datagram, as encode_prefix() writes it.
std::size_t encode_addressed(const keep& f, const_bytes prefix, bytes out) noexcept;

/// Returns the whole frame as bytes, with its payload. For tests and tools.
std::vector<std::byte> encoded(const frame& f, const_bytes payload = {}, dialect d = dialect::spec);

/// Returns the client's request that both layouts accept. A reader of layout S finds two values that no peer
/// implements, 0.1 and 0.0. A reader of layout G finds 0.1 and 0.0.
std::array<std::byte, 25> compatible_request() noexcept;

/// Most bytes of an address prefix, which are mark, port, type, length and name.
inline constexpr std::size_t max_prefix = 1 + 2 + 1 + 1 + 255;

/// Writes the prefix of an addressed datagram (bit U) to the front of `out`. Returns 0 if the host cannot be
/// sent.
std::size_t encode_prefix(const host_port& where, bytes out) noexcept;

struct prefix {
  host_port address;
  std::size_t size = 0;  ///< bytes of the prefix, which the datagram follows
};
/// Empty if the block holds no well-formed prefix.
std::optional<prefix> decode_prefix(const_bytes block);

}  // namespace muxpro

#if !defined(MUXPRO_SEPARATE_COMPILATION)
#include <muxpro/impl/codec.ipp>
#include <muxpro/impl/encode.ipp>
#endif
