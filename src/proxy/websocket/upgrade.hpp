// The requests by which clients turn HTTP/1.1 into another protocol (RFC 9110 section 7.8), and their
// answers, for WebSocket (RFC 6455 section 4), and Xray's HTTPUpgrade, which is the same without a key, with
// bytes as they are behind it. Ring 4, a rule.
#pragma once

#include "proxy/http/request.hpp"
#include "proxy/http/response.hpp"

#include <muxpro/codec.hpp>

#include <asio/ip/address.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace muxpro::proxy {

enum class upgrade_protocol : std::uint8_t { websocket, raw };

/// Why there is no agreement.
enum class upgrade_errc {
  refused = 1,     ///< the server has answered with another status than 101
  other_protocol,  ///< it changes to something else
  wrong_accept,    ///< its Sec-WebSocket-Accept does not belong to the key
  extension,       ///< it uses an extension that was not asked for
  no_http,         ///< it does not answer in HTTP/1.1
  wrong_place,     ///< a client asks for another host or path
  no_upgrade,      ///< a client does not ask for WebSocket
};
const std::error_category& upgrade_category() noexcept;
inline std::error_code make_error_code(upgrade_errc e) noexcept {
  return {static_cast<int>(e), upgrade_category()};
}

struct upgrade_options {
  upgrade_options() = default;
  explicit upgrade_options(upgrade_protocol p) noexcept : protocol(p) {}

  upgrade_protocol protocol = upgrade_protocol::websocket;
  /// Begins with a slash. A server compares it without its query.
  std::string path = "/";
  /// What a client asks for. A server that has one refuses others.
  std::string host;
  std::vector<http_field> fields;  ///< more of them, of a client's request
  /// Most bytes that a client sends with its request.
  std::size_t early_data = 0;
  /// A server uses X-Forwarded-For only if the request has one of these fields. Lower case.
  std::vector<std::string> trusted;
  duration heartbeat{0};  ///< see websocket_beginning
  /// Absolute.
  duration handshake = std::chrono::seconds(10);
};

/// Of both heads (Xray: 8192 and 12288 bytes). Early data may have 2048 bytes, 2731 in base64.
inline constexpr http_head_limits upgrade_limits{12 * 1024, 64};

/// Sec-WebSocket-Accept for a Sec-WebSocket-Key.
std::string websocket_accept(std::string_view key);
/// A key of 16 bytes (RFC 6455 section 4.1). Throws std::runtime_error without random numbers.
std::string new_websocket_key();

/// `key` is for WebSocket alone. `early` has at most upgrade_options::early_data bytes.
std::string upgrade_request(const upgrade_options& o, std::string_view key, const_bytes early = {});
/// Why the answer to a request with `key` is no agreement.
std::error_code mistake_in_upgrade(const http_response& answer, upgrade_protocol p, std::string_view key);

/// What a server does with a request.
struct upgrade_verdict {
  std::string answer;            ///< the whole of it, to send
  std::error_code refusal;       ///< without an error the other protocol follows, else the connection ends
  std::vector<std::byte> early;  ///< data of the client
};
upgrade_verdict judge_upgrade(const http_request& r, const upgrade_options& o);
/// Of a request that is no HTTP.
upgrade_verdict bad_upgrade();

/// The first address in a value of X-Forwarded-For.
std::optional<asio::ip::address> first_forwarded(std::string_view list);
/// The first address of X-Forwarded-For, if the request has a field of `trusted`.
std::optional<asio::ip::address> forwarded_source(const http_request& r,
                                                  const std::vector<std::string>& trusted);

}  // namespace muxpro::proxy

template <>
struct std::is_error_code_enum<muxpro::proxy::upgrade_errc> : std::true_type {};
