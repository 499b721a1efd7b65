#include "proxy/transport/tls_settings.hpp"

#include "proxy/transport/tls.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace muxpro::proxy {

namespace {

/// Xray's word for the value of the client's own TLS.
constexpr const char* of_client = "fromMitM";
constexpr const char* copies_client = "is fromMitM; muxpro has no TLS that copies that of a client";

void read_pins(settings& s, tls_options& o) {
  constexpr const char* key = "pinnedPeerCertSha256";
  s.texts({key,
           "SHA-256 of certificates, 64 hex digits: the peer has one of them, or an authority of its chain "
           "does and the name matches. With an authority both are checked."},
          o.pins);
  for (const std::string& p : o.pins)
    if (normalized_pin(p).empty())
      s.wrong(key, "has '" + sanitized(p) + "'; it must be the SHA-256 of a certificate, 64 hex digits");
}

void read_names(settings& s, role side, tls_options& o) {
  if (side == role::server) {
    s.flag({"rejectUnknownSni", "Whether a client is refused if it asks for a name that no certificate has."},
           o.reject_unknown_names);
    for (const char* key : {"serverName", "allowInsecure", "fingerprint"})
      s.pass_over(key, "has no effect on a server");
    return;
  }
  bool insecure = false;
  s.text({"serverName", "The name in the server's certificate; default: the server's address."}, o.name);
  s.texts({"verifyPeerCertByName",
           "Names of which the server's certificate must have one, instead of serverName, which is sent."},
          o.other_names);
  s.flag({"allowInsecure", "Whether the server's certificate is not verified."}, insecure);
  if (insecure)
    s.note("allowInsecure",
           "is true: anyone on the way can read and change everything; Xray no longer takes it, and "
           "pinnedPeerCertSha256 does better");
  o.verify = !insecure;
  bool no_system = false;
  s.flag({"disableSystemRoot", "Whether the system's authorities are not trusted."}, no_system);
  o.system_authorities = !no_system;
  std::string fingerprint;
  s.text({"fingerprint", "Accepted from Xray's configurations: the handshake is OpenSSL's."}, fingerprint);
  if (!fingerprint.empty() && fingerprint != "unsafe")
    s.note("fingerprint", "has no effect: the handshake is OpenSSL's, which looks like no browser's");
}

void read_ech(settings& s) {
  for (const char* key : {"echServerKeys", "echConfigList", "echForceQuery", "echSockopt"})
    s.pass_over(key, "has no effect: OpenSSL has no ECH, and the server's name is readable on the way");
}

}  // namespace

tls_options read_tls_options(settings& s, role side, const std::string& server) {
  const std::size_t before = s.mistakes().count();
  tls_options o;
  if (side == role::client) o.name = server;
  read_names(s, side, o);
  if (o.name == of_client) s.wrong("serverName", copies_client);
  if (!s.texts({"alpn",
                "Names of application protocols, in the order of preference. Default of an inbound: h2, "
                "http/1.1, of which it need not have one."},
               o.alpn) &&
      side == role::server) {
    o.alpn = {"h2", "http/1.1"};
    o.alpn_matters = false;
  }
  if (std::find(o.alpn.begin(), o.alpn.end(), of_client) != o.alpn.end()) s.wrong("alpn", copies_client);
  read_pins(s, o);
  read_tls_versions(s, o);
  read_tls_certificates(s, side, o);
  s.text({"masterKeyLog", "A file to which the secrets of handshakes are appended, for Wireshark."},
         o.key_log);
  s.flag({"enableSessionResumption",
          "Whether a client resumes sessions, and a server allows that. Such a handshake has no certificate. "
          "A server that asks clients for certificates never allows it."},
         o.resumes);
  read_ech(s);
  if (side == role::server && o.certificate.empty())
    s.wrong("certificates", "has no certificate of usage 'encipherment', which a server needs");
  else if (side == role::client && o.name.empty() && o.verify && (o.pins.empty() || !o.authority.empty()))
    s.wrong("serverName", "is missing; it must be the name in the server's certificate");
  // Mistakes that have no key of their own above.
  if (const std::string mistake = o.validate(side); !mistake.empty() && s.mistakes().count() == before)
    s.wrong(sanitized(mistake, 300));
  return o;
}

}  // namespace muxpro::proxy
