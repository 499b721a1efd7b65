// The key that accounts of VLESS and VMess have in common. Ring 4, a rule.
#pragma once

#include "proxy/base/uuid.hpp"

#include <muxpro/proxy/settings.hpp>

#include <optional>
#include <string>

namespace muxpro::proxy {

/// Reads "id". Returns nothing if it is missing or wrong, which was reported.
inline std::optional<uuid> read_user_id(settings& s) {
  std::string text;
  if (!s.needs("id", "the user's UUID") ||
      !s.secret({"id", "The user's UUID, or a text of 1 to 30 bytes from which a UUID is derived."}, text))
    return std::nullopt;
  const auto id = parse_uuid(text);
  if (!id) s.wrong("id", "must be a UUID of 32 hexadecimal digits, or a text of 1 to 30 bytes");
  return id;
}

}  // namespace muxpro::proxy
