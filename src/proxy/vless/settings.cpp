#include "proxy/vless/settings.hpp"

#include "proxy/vless/request.hpp"

#include <fmt/format.h>

#include <string>

namespace muxpro::proxy {

bool read_vless_flow(settings& s, bool otherwise) {
  s.one_of<bool>({"flow",
                  "xtls-rprx-vision: connections use that flow, which needs security tls or reality and "
                  "network raw. Both sides must have the same one."},
                 otherwise, {{"", false}, {"none", false}, {vision_flow, true}});
  return otherwise;
}

client_flow read_vless_client_flow(settings& s) {
  enum class chosen { none, vision, with_quic } flow = chosen::none;
  s.one_of<chosen>(
      {"flow",
       "xtls-rprx-vision: connections use that flow, which needs security tls or reality and "
       "network raw; datagrams to port 443 are refused. xtls-rprx-vision-udp443: the same, and "
       "these go on."},
      flow,
      {{"", chosen::none}, {vision_flow, chosen::vision}, {"xtls-rprx-vision-udp443", chosen::with_quic}});
  return {flow != chosen::none, flow == chosen::vision};
}

bool require_no_vless_encryption(settings& s, const setting_key& key) {
  std::string value;
  const bool is_other = s.needs(key.name, "\"none\"") && s.text(key, value) && value != "none";
  if (is_other)
    s.wrong(key.name,
            fmt::format("is '{}'; muxpro has no VLESS encryption: it must be \"none\" on both sides",
                        sanitized(value)));
  return !is_other;
}

}  // namespace muxpro::proxy
