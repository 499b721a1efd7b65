#include "tls_flags.hpp"

#include "commands.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <memory>

namespace muxpro::app {

namespace {

proxy::transport_options over_tls(role side, proxy::tls_options options) {
  return proxy::transport_options(std::make_shared<const proxy::tls_transport>(side, std::move(options)));
}

}  // namespace

void tls_flags::add_to_server(CLI::App& c) {
  c.add_option("--tls-cert", options.certificate, "PEM file with a certificate chain. Enables TLS 1.3");
  c.add_option("--tls-key", options.key, "PEM file with its key");
  c.add_option(
      "--tls-client-ca", options.authority,
      "PEM file with authorities. Each client must present a certificate that one of them has signed");
}

void tls_flags::add_to_client(CLI::App& c) {
  c.add_flag("--tls", on, "Use TLS 1.3 to the server, and verify its certificate");
  c.add_option("--tls-name", options.name, "The name in its certificate; default: the HOST of --connect");
  c.add_option("--tls-ca", options.authority,
               "PEM file with the authorities to trust; default: the system's");
  c.add_option("--tls-pin", options.pins,
               "SHA-256 of its certificate in hex, which is trusted. With --tls-ca both are checked");
  c.add_option("--tls-cert", options.certificate,
               "PEM file with a certificate chain to present to the server");
  c.add_option("--tls-key", options.key, "PEM file with its key");
}

proxy::transport_options tls_flags::server() const {
  const auto& o = options;
  if (o.certificate.empty() != o.key.empty()) throw usage_error("--tls-cert and --tls-key belong together");
  if (o.certificate.empty() && !o.authority.empty())
    throw usage_error("--tls-client-ca needs --tls-cert and --tls-key");
  if (o.certificate.empty()) return {};
  return over_tls(role::server, o);
}

proxy::transport_options tls_flags::client(const std::string& host) const {
  proxy::tls_options o = options;
  const bool any =
      !(o.name.empty() && o.authority.empty() && o.pins.empty() && o.certificate.empty() && o.key.empty());
  if (!on && any) throw usage_error("a --tls- flag needs --tls");
  if (!on) return {};
  if (o.certificate.empty() != o.key.empty()) throw usage_error("--tls-cert and --tls-key belong together");
  for (const std::string& p : o.pins)
    if (proxy::normalized_pin(p).empty())
      throw usage_error(
          fmt::format("--tls-pin {}: it must be the SHA-256 of a certificate, 64 hex digits", p));
  if (o.name.empty()) o.name = host;
  if (o.name.empty() && (o.pins.empty() || !o.authority.empty()))
    throw usage_error("--tls over a unix socket needs --tls-name, or --tls-pin without --tls-ca");
  return over_tls(role::client, std::move(o));
}

}  // namespace muxpro::app
