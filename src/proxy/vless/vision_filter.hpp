// vision_filter, by which the flow xtls-rprx-vision finds a handshake of TLS 1.3 in the data of both
// directions. Ring 4, a rule.
#pragma once

#include <muxpro/codec.hpp>

#include <cstddef>
#include <cstdint>

namespace muxpro::proxy {

/// Gets pieces of either direction, in the order in which they come. Looks at the first few.
class vision_filter {
 public:
  void see(const_bytes piece) noexcept;
  /// How many pieces it still looks at.
  unsigned pieces_left() const noexcept { return left_; }
  /// A ClientHello or a ServerHello was seen.
  bool is_tls() const noexcept { return tls_; }
  bool has_server_hello() const noexcept { return server_hello_; }
  /// TLS 1.3, with a cipher suite that makes whatever follows look like the records of the carrier.
  bool may_go_raw() const noexcept { return may_go_raw_; }

 private:
  void begin_server_hello(const_bytes piece) noexcept;
  void look_into_server_hello(const_bytes piece) noexcept;

  // As many as Xray looks at.
  unsigned left_ = 8;
  bool tls_ = false, server_hello_ = false, may_go_raw_ = false;
  std::size_t hello_left_ = 0;  ///< bytes of the ServerHello's record that have not come
  std::uint16_t suite_ = 0;
};

/// The size of the application-data records (RFC 8446 section 5.1) at the beginning of `data` that are whole.
std::size_t whole_records(const_bytes data) noexcept;

}  // namespace muxpro::proxy
