// Errors of HTTP/2 connections and of what they carry.
#pragma once

#include <system_error>

namespace muxpro::proxy {

enum class http2_errc {
  bad_body = 1,        ///< a body is not of the form that the carrier wants
  flood,               ///< the peer sends frames without a purpose
  refused_stream,      ///< the server accepts no further stream
  status = 1000,       ///< and the status of the answer, unless that is 200
  grpc_status = 2000,  ///< and that of gRPC, unless it is 0
};

/// The two layers share the category. nghttp2's codes are negative, those of GOAWAY begin at 100.
const std::error_category& http2_category() noexcept;
inline std::error_code make_error_code(http2_errc e) noexcept {
  return {static_cast<int>(e), http2_category()};
}
inline std::error_code http2_status(http2_errc kind, int status) noexcept {
  return {static_cast<int>(kind) + status, http2_category()};
}
/// One of nghttp2's functions has failed.
inline std::error_code http2_failure(int code) noexcept { return {code, http2_category()}; }
/// Of a GOAWAY frame.
std::error_code http2_goaway(unsigned code) noexcept;

}  // namespace muxpro::proxy

template <>
struct std::is_error_code_enum<muxpro::proxy::http2_errc> : std::true_type {};
