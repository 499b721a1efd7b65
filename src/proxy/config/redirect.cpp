#include "proxy/config/redirect.hpp"

#include "proxy/base/text.hpp"

#include <cstdint>

namespace muxpro::proxy {

std::optional<host_port> parse_redirect(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = number<std::uint16_t>(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const address named = host.empty() ? address() : address(host);
  if (!port || (!host.empty() && !named.valid())) return std::nullopt;
  return host_port(named, *port);
}

}  // namespace muxpro::proxy
