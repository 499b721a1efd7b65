#include "proxy/vmess/settings.hpp"

#include "proxy/config/user_id.hpp"

#include <cstdint>

namespace muxpro::proxy {

std::optional<uuid> read_vmess_id(settings& s) {
  std::uint32_t alter_id = 0;
  if (s.number<std::uint32_t>({"alterId", "Must be 0."}, alter_id, 0, 65535) && alter_id > 0)
    s.wrong("alterId",
            "is not 0; muxpro has no VMess without authenticated heads: it must be 0 on both sides");
  return read_user_id(s);
}

}  // namespace muxpro::proxy
