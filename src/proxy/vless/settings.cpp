#include "proxy/vless/settings.hpp"

#include <fmt/format.h>

#include <string>

namespace muxpro::proxy {

std::optional<uuid> read_vless_id(settings& s) {
  std::string text;
  if (!s.needs("id", "the user's UUID") ||
      !s.secret({"id", "The user's UUID, or a text of 1 to 30 bytes that stands for one."}, text))
    return std::nullopt;
  const auto id = parse_uuid(text);
  if (!id) s.wrong("id", "must be a UUID of 32 hexadecimal digits, or a text of 1 to 30 bytes");
  return id;
}

void read_vless_flow(settings& s) {
  std::string flow;
  if (s.text({"flow", "Must be empty."}, flow) && !flow.empty())
    s.wrong("flow",
            fmt::format("is '{0}'; muxpro has no flow \"{0}\": it must be empty on both sides", shown(flow)));
}

void require_no_vless_encryption(settings& s, const setting_key& key) {
  std::string value;
  if (s.needs(key.name, "\"none\"") && s.text(key, value) && value != "none")
    s.wrong(key.name,
            fmt::format("is '{}'; muxpro has no VLESS encryption: it must be \"none\" on both sides",
                        shown(value)));
}

}  // namespace muxpro::proxy
