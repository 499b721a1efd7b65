#include "proxy/names/dns_server_options.hpp"

#include "proxy/base/host_name.hpp"
#include "proxy/base/text.hpp"

#include <algorithm>

namespace muxpro::proxy {

namespace {

struct dns_scheme {
  std::string_view name;
  dns_transport transport;
  bool tls, local;
  std::uint16_t port;
};

// Xray's h2c is for a port of HTTPS, too, because its carrier adds TLS.
constexpr dns_scheme dns_schemes[] = {
    {"udp://", dns_transport::udp, false, false, 53},
    {"tcp://", dns_transport::tcp, false, false, 53},
    {"tcp+local://", dns_transport::tcp, false, true, 53},
    {"https://", dns_transport::https, true, false, 443},
    {"https+local://", dns_transport::https, true, true, 443},
    {"h2c://", dns_transport::https, false, false, 443},
    {"h2c+local://", dns_transport::https, false, true, 443},
};

bool has_scheme(std::string_view text, std::string_view scheme) {
  return text.size() >= scheme.size() && is_name(text.substr(0, scheme.size()), scheme);
}

// HOST, HOST:PORT, IPV6, [IPV6] or [IPV6]:PORT.
bool read_host_and_port(std::string_view text, std::uint16_t usual, host_port& to) {
  to.port = usual;
  const auto colon = text.rfind(':');
  const bool several = colon != text.find(':'), bracketed = text.starts_with('[');
  const bool has_port = colon != std::string_view::npos && (bracketed ? text[colon - 1] == ']' : !several);
  if (has_port) {
    const auto port = number<std::uint16_t>(text.substr(colon + 1));
    if (!port || *port == 0) return false;
    to.port = *port;
    text = text.substr(0, colon);
  }
  const auto host = canonical_host(text);
  if (host) to.host = address(*host);
  return host.has_value();
}

// Returns whether the text has only what every URL may hold, and no end of a line.
bool is_path(std::string_view text) {
  return text.size() <= 2048 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

bool read_dns_server_address(std::string_view text, dns_server_options& to) {
  if (is_name(text, "localhost")) return true;
  if (is_name(text, "fakedns")) return to.transport = dns_transport::fakes, true;
  const auto scheme = std::find_if(std::begin(dns_schemes), std::end(dns_schemes),
                                   [&](const dns_scheme& s) { return has_scheme(text, s.name); });
  to.transport = dns_transport::udp;
  if (scheme == std::end(dns_schemes)) return read_host_and_port(text, 53, to.at);
  to.transport = scheme->transport;
  to.tls = scheme->tls;
  to.local = scheme->local;
  text.remove_prefix(scheme->name.size());
  const std::string_view place = text.substr(0, text.find_first_of("/?"));
  text.remove_prefix(place.size());
  text = text.substr(0, text.find('#'));
  to.path = (text.starts_with('/') ? "" : "/") + std::string(text);
  return read_host_and_port(place, scheme->port, to.at) && is_path(to.path);
}

}  // namespace muxpro::proxy
