#include "proxy/transport/request_settings.hpp"

#include "proxy/base/text.hpp"

#include <algorithm>
#include <variant>

namespace muxpro::proxy {

std::string default_request_host(const std::string& server) {
  if (server.empty()) return "localhost";
  const bool bare_ipv6 = server.find(':') != std::string::npos && !server.starts_with('[');
  return bare_ipv6 ? '[' + server + ']' : server;
}

bool is_request_host(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

void read_request_host(settings& s, role side, const std::string& server, std::string& host) {
  s.text({"host",
          "Of a client: the host that it asks for; default: the name in TLS, or the server's address. Of a "
          "server: the host that clients have to ask for; default: any."},
         host);
  if (!is_request_host(host)) s.wrong("host", "is not a host name");
  if (side == role::client && host.empty()) host = default_request_host(server);
}

std::optional<http_field> read_request_field(settings& s, const std::string& name, const setting& value,
                                             bool (*is_own)(std::string_view)) {
  const auto* const text = std::get_if<std::string>(&value.is);
  if (!text || !std::all_of(text->begin(), text->end(), is_line_char))
    s.wrong("headers", "has a value that is not a text of one line");
  else if (!is_token(name) || is_own(name))
    s.wrong("headers", "has '" + sanitized(name) + "'; it must be a field that requests do not have");
  else
    return http_field{name, *text};
  return std::nullopt;
}

}  // namespace muxpro::proxy
