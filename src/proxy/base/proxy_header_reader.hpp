// The header of the PROXY protocol as a server reads it, in both versions. Ring 4, a rule.
#pragma once

#include <muxpro/codec.hpp>

#include <asio/ip/tcp.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>

namespace muxpro::proxy {

enum class proxy_header_errc {
  broken = 1,  ///< what has come is no header
  untrusted,   ///< the peer may not send one
};
const std::error_category& proxy_header_category() noexcept;
inline std::error_code make_error_code(proxy_header_errc e) noexcept {
  return {static_cast<int>(e), proxy_header_category()};
}

/// A line of version 1 with its CRLF (section 2.1 of the protocol), and all that version 2 may have here.
/// HAProxy sends some hundred bytes beside the addresses.
inline constexpr std::size_t max_proxy_line = 107, max_proxy_header = 4096;

struct proxied_ends {
  asio::ip::tcp::endpoint source, gateway;
};

struct proxy_header_step {
  enum class status : std::uint8_t { need_more, complete, broken };

  status what = status::need_more;
  std::size_t missing = 0;  ///< with need_more, so many bytes at least belong to the header yet
  /// Set with complete. Without a value it is the proxy's own connection, or one of unknown ends.
  std::optional<proxied_ends> ends{};
};

/// `received` has the first bytes. It has no bytes behind the header if the caller never reads more than
/// `missing` at once.
proxy_header_step read_proxy_header(const_bytes received);

}  // namespace muxpro::proxy

template <>
struct std::is_error_code_enum<muxpro::proxy::proxy_header_errc> : std::true_type {};
