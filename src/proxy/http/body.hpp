// http_body: finds the end of a message's body while the body passes through. Ring 4, a rule without I/O and
// clock.
#pragma once

#include "proxy/http/head.hpp"

#include <muxpro/codec.hpp>

#include <cstddef>
#include <cstdint>

namespace muxpro::proxy {

/// Counts a body off a stream of bytes, so that not one byte behind it goes on with it. Holds no bytes. A
/// body that ends with its connection is never done.
/// The chunks (RFC 9112 section 7.1) may have extensions and trailers within limits. They must be
/// unambiguous, with lines that end in CRLF and sizes of bare hex digits.
class http_body {
 public:
  /// Bytes of the line with a chunk's size, without its CRLF, and digits of the size.
  static constexpr std::size_t max_chunk_line = 256;
  static constexpr std::size_t size_digits = 16;
  /// Bytes of all trailers, with their CRLFs.
  static constexpr std::size_t max_trailers = 8192;

  enum class status : std::uint8_t { more, done, refused };

  struct step {
    status what = status::more;
    std::size_t bytes = 0;    ///< of those given, so many belong to the body, all of them while there is more
    const char* reason = "";  ///< one sentence, when refused
  };

  explicit http_body(const http_framing& f) noexcept;

  /// Called with the next bytes, each of them once. With done, the body ends behind step.bytes. With refused,
  /// the caller cuts both connections. Both are final. A body of no bytes is done at once, also without any.
  step next(const_bytes in) noexcept;
  /// As next(), but it stops behind the first bytes that are not part of a chunk's frame. `content` is these
  /// bytes, or empty.
  step next(const_bytes in, const_bytes& content) noexcept;
  bool done() const noexcept { return state_ == state::done; }

 private:
  enum class state : std::uint8_t {
    counted,
    until_close,
    size,
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer_or_end,
    trailer_name,
    trailer_value,
    trailer_lf,
    end_lf,
    done,
    refused,
  };

  state after(char c) noexcept;
  state after_size_digit(char c) noexcept;
  state chunk_begins() noexcept;
  state in_trailers(char c) noexcept;
  state refuse(const char* reason) noexcept;

  state state_;
  std::uint64_t left_ = 0;  ///< of the counted body, or of the chunk
  std::size_t line_ = 0;    ///< bytes of this line of a chunk's size, or of the trailers
  const char* reason_ = "";
};

}  // namespace muxpro::proxy
