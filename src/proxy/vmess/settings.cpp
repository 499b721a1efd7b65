#include "proxy/vmess/settings.hpp"

#include <cstdint>
#include <string>

namespace muxpro::proxy {

std::optional<uuid> read_vmess_id(settings& s) {
  std::uint32_t alter_id = 0;
  if (s.number<std::uint32_t>({"alterId", "Must be 0."}, alter_id, 0, 65535) && alter_id > 0)
    s.wrong("alterId",
            "is not 0; muxpro has no VMess without authenticated heads: it must be 0 on both sides");
  std::string text;
  if (!s.needs("id", "the user's UUID") ||
      !s.secret({"id", "The user's UUID, or a text of 1 to 30 bytes that stands for one."}, text))
    return std::nullopt;
  const auto id = parse_uuid(text);
  if (!id) s.wrong("id", "must be a UUID of 32 hexadecimal digits, or a text of 1 to 30 bytes");
  return id;
}

}  // namespace muxpro::proxy
