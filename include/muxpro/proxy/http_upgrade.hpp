// Whether an upstream has agreed to speak another protocol from now on. Ring 4, a rule: no I/O, no clock.
#pragma once

#include <muxpro/codec.hpp>

#include <cstddef>
#include <cstdint>

namespace muxpro::proxy {

/// Reads an upstream's answers to a request for an upgrade: interim ones (RFC 9110 section 15.2) until one is
/// final.
class http_upgrade {
 public:
  /// Bytes of interim answers before it gives up.
  static constexpr std::size_t max_interim = 8192;

  enum class status : std::uint8_t { need_more, agreed, declined };

  /// With the next bytes of the upstream, none of them twice; they go on to the client as they are. agreed:
  /// 101, and from now on both sides say what they like. declined: nothing more of the client goes to the
  /// upstream. Both are final.
  status next(const_bytes in) noexcept;

 private:
  status after(char c) noexcept;

  status status_ = status::need_more;
  std::size_t seen_ = 0;    ///< bytes of all answers
  std::size_t at_ = 0;      ///< bytes of this answer's version and code
  std::size_t ending_ = 0;  ///< how much of CRLF CRLF has come
  int code_ = 0;
};

}  // namespace muxpro::proxy
