#include "proxy/transport/http2_errors.hpp"

#include <fmt/format.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <string>

namespace muxpro::proxy {

namespace {

constexpr int goaway = 100, last_goaway = 200;

class http2_errors final : public std::error_category {
 public:
  const char* name() const noexcept override { return "muxpro.http2"; }
  std::string message(int value) const override {
    if (value < 0) return fmt::format("HTTP/2: {}", nghttp2_strerror(value));
    if (value >= static_cast<int>(http2_errc::grpc_status))
      return fmt::format("the server has ended the stream with gRPC status {}",
                         value - static_cast<int>(http2_errc::grpc_status));
    if (value >= static_cast<int>(http2_errc::status))
      return fmt::format("the server has answered with HTTP status {}",
                         value - static_cast<int>(http2_errc::status));
    if (value >= goaway)
      return fmt::format("HTTP/2: {}", nghttp2_http2_strerror(static_cast<unsigned>(value - goaway)));
    return of(static_cast<http2_errc>(value));
  }

 private:
  static std::string of(http2_errc e) {
    switch (e) {
      case http2_errc::bad_body: return "the body of an HTTP message is malformed";
      case http2_errc::flood: return "the peer sends too many HTTP/2 frames without a purpose";
      case http2_errc::refused_stream: return "the server accepts no further HTTP/2 stream";
      default: return "unknown error of HTTP/2";
    }
  }
};

}  // namespace

const std::error_category& http2_category() noexcept {
  static const http2_errors instance;
  return instance;
}

std::error_code http2_goaway(unsigned code) noexcept {
  return {goaway + static_cast<int>(std::min<unsigned>(code, last_goaway - goaway)), http2_category()};
}

}  // namespace muxpro::proxy
