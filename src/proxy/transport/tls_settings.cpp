#include "proxy/transport/tls.hpp"

namespace muxpro::proxy {

namespace {

enum class use { identity, authority };

// "encipherment" is this side's own, "verify" is for looking at the peer's.
void read_certificate(settings& s, tls_options& o) {
  std::string file, key;
  use what = use::identity;
  s.needs("certificateFile", "the name of a PEM file");
  s.text({"certificateFile",
          "A PEM file with a certificate chain, or with the authorities. SIGHUP reads it again."},
         file);
  s.text({"keyFile", "A PEM file with the key. Not for usage verify."}, key);
  s.one_of<use>({"usage",
                 "encipherment: the certificate of this side. verify: the authorities of the peer; with them "
                 "a server asks its clients for certificates."},
                what, {{"encipherment", use::identity}, {"verify", use::authority}});
  std::string& place = what == use::identity ? o.certificate : o.authority;
  if (!place.empty()) s.wrong("there is another one with the same usage already; chains stand in one file");
  place = file;
  if (what == use::authority && !key.empty())
    s.wrong("keyFile", "is there; a certificate to verify others by needs no key");
  if (what == use::authority) return;
  s.needs("keyFile", "the name of a PEM file");
  o.key = key;
}

void read_pins(settings& s, tls_options& o) {
  constexpr const char* key = "pinnedPeerCertSha256";
  s.texts({key,
           "SHA-256 of certificates of the peer, 64 hex digits: one of them must match. With an authority "
           "both are checked."},
          o.pins);
  for (const std::string& p : o.pins)
    if (normalized_pin(p).empty())
      s.wrong(key, "has '" + shown(p) + "'; it must be the SHA-256 of a certificate, 64 hex digits");
}

}  // namespace

tls_options read_tls_options(settings& s, role side, const std::string& server) {
  const std::size_t before = s.mistakes().count();
  tls_options o;
  bool insecure = false;
  if (side == role::client) {
    o.name = server;
    s.text({"serverName", "The name in the server's certificate; default: the server's address."}, o.name);
    s.flag({"allowInsecure", "Whether the server's certificate is not verified."}, insecure);
    o.verify = !insecure;
  }
  s.texts({"alpn", "Names of application protocols, in the order of preference."}, o.alpn);
  read_pins(s, o);
  s.objects({"certificates",
             "At most one certificate of each usage. A server needs its own; a client without an authority "
             "trusts the system's."},
            [&](settings& c, std::size_t) { read_certificate(c, o); });
  std::string version = "1.3";
  s.one_of<std::string>({"minVersion", "The lowest version of TLS."}, version, {{"1.3", version}});
  if (side == role::server && o.certificate.empty())
    s.wrong("certificates", "has none of usage 'encipherment', which a server needs");
  else if (side == role::client && o.name.empty() && o.verify && (o.pins.empty() || !o.authority.empty()))
    s.wrong("serverName", "is missing; it must be the name in the server's certificate");
  // Mistakes that have no key of their own above.
  if (const std::string mistake = o.validate(side); !mistake.empty() && s.mistakes().count() == before)
    s.wrong(shown(mistake, 300));
  return o;
}

}  // namespace muxpro::proxy
