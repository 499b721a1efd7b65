// request_head, the contents of the heads of VLESS and Trojan. Ring 4, values.
#pragma once

#include "proxy/base/text.hpp"
#include "proxy/base/uuid.hpp"

#include <muxpro/destination.hpp>
#include <muxpro/proxy/context.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace muxpro::proxy {

/// Returns the multiplexer that other clients request by the name of a host. Null if the name is that of a
/// host.
inline const char* missing_multiplexer(const address& host) noexcept {
  if (is_name(host.domain(), "sp.mux.sing-box.arpa"))
    return "The client asks for sing-mux, which muxpro does not have.";
  return nullptr;
}

/// Of a client that proves itself by a key. The reader gets all bytes that came, again when more have come.
/// Any cut of the input gives the same result, as early as it is certain.
struct request_head {
  enum class status : std::uint8_t {
    need_more,
    stranger,  ///< not this protocol, or no user of this inbound
    refused,   ///< a user's request is unsupported or invalid, see `reason`
    request
  };

  status what = status::need_more;
  std::size_t consumed = 0;  ///< of a request, the client's data follow
  user_account user;         ///< unless the client is a stranger
  destination target;  ///< of a request, the host is valid, the port is not 0 unless datagrams have their own
  /// For a request by the flow xtls-rprx-vision, the UUID as the client has sent it.
  std::optional<uuid> vision;
  /// Bytes 6 and 7 of the UUID that a client of VLESS has sent.
  std::optional<std::uint16_t> vless_route;
  const char* reason = "";  ///< one sentence without secrets, for the log

  /// A request, unless it is for a multiplexer that muxpro does not have.
  static request_head of(user_account user, destination target, std::size_t consumed) {
    if (const char* reason = missing_multiplexer(target.host)) return refusal(std::move(user), reason);
    request_head out;
    out.what = status::request;
    out.consumed = consumed;
    out.user = std::move(user);
    out.target = std::move(target);
    return out;
  }
  static request_head of_stranger() {
    request_head out;
    out.what = status::stranger;
    return out;
  }
  static request_head refusal(user_account user, const char* reason) {
    request_head out;
    out.what = status::refused;
    out.user = std::move(user);
    out.reason = reason;
    return out;
  }
};

}  // namespace muxpro::proxy
