// A user of VMess, and the 16 bytes in front of a request by which a server finds out which user sends it.
// Ring 4, a rule.
#pragma once

#include "proxy/base/uuid.hpp"

#include <muxpro/codec.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace muxpro::proxy {

inline constexpr std::size_t vmess_auth_id = 16;
using vmess_block = std::array<std::byte, 16>;

/// The keys that follow from a user's id.
struct vmess_user {
  explicit vmess_user(const uuid& id);
  /// Of stored().
  explicit vmess_user(std::string_view stored);
  std::string stored() const;

  vmess_block command_key{};  ///< of the head
  vmess_block auth_key{};     ///< of the auth id
};

/// Seconds since 1970, and 4 random bytes.
vmess_block seal_auth_id(const vmess_user& user, std::int64_t time, std::uint32_t random);
/// Returns the time, or nothing if another user has sent it.
std::optional<std::int64_t> open_auth_id(const_bytes auth_key, const_bytes auth_id);

/// How far a client's clock may be off, and how long an auth id must be remembered.
inline constexpr std::int64_t vmess_clock_tolerance = 120;

}  // namespace muxpro::proxy
