// http2_body: the framing that a carrier adds to the bytes of a stream. Ring 4.
#pragma once

#include "proxy/transport/http2_errors.hpp"
#include "proxy/transport/http2_head.hpp"

#include <muxpro/codec.hpp>

#include <charconv>
#include <cstddef>
#include <span>
#include <string_view>
#include <system_error>

namespace muxpro::proxy {

inline int http2_number(std::string_view text) noexcept {
  int n = -1;
  std::from_chars(text.data(), text.data() + text.size(), n);
  return n;
}

/// Of one stream. The base class leaves bytes as they are.
class http2_body {
 public:
  static constexpr std::size_t most_head = 16;

  virtual ~http2_body() = default;
  /// Takes bytes off `in` up to the end of the next piece of payload, and returns that piece. Empty if there
  /// is no more, or the body is broken.
  virtual const_bytes next(const_bytes& in) noexcept {
    const const_bytes all = in;
    in = {};
    return all;
  }
  virtual bool broken() const noexcept { return false; }
  virtual bool may_end() const noexcept { return true; }
  /// What write_head() needs at most.
  virtual std::size_t head_size() const noexcept { return 0; }
  /// Writes what stands before `payload` bytes, and returns its size.
  virtual std::size_t write_head(std::span<std::byte, most_head>, std::size_t) noexcept { return 0; }
  /// The stream has ended before its last byte was sent.
  virtual void cut() noexcept {}
  /// Behind the last byte of a server.
  virtual http2_head trailers() const { return {}; }
  /// Returns what is wrong with the head of an answer, or with its trailers. Only a client calls it.
  virtual std::error_code judge(const http2_head& h) const {
    const std::string_view status = h[":status"];
    if (status.empty() || status == "200") return {};
    return http2_status(http2_errc::status, http2_number(status));
  }
};

}  // namespace muxpro::proxy
