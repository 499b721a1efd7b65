#include "proxy/transport/tls_context.hpp"
#include "proxy/transport/tls_settings.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

namespace muxpro::proxy {

namespace {

enum class use { identity, authority };

/// A file's name, or the PEM lines of the configuration itself; empty if there is neither.
std::string read_pem(settings& s, const setting_key& file, const setting_key& lines) {
  std::string name;
  std::vector<std::string> text;
  s.text(file, name);
  if (!s.texts(lines, text) || text.empty()) return name;
  if (!name.empty()) return s.note(lines.name, fmt::format("has no effect beside {}", file.name)), name;
  const std::string pem = fmt::format("{}\n", fmt::join(text, "\n"));
  if (!is_inline_pem(pem)) s.wrong(lines.name, "must be the lines of a PEM file, from -----BEGIN on");
  return pem;
}

void take_identity(settings& s, role side, tls_identity one, tls_options& o) {
  if (o.certificate.empty()) {
    o.certificate = std::move(one.certificate);
    o.key = std::move(one.key);
    o.certificate_once = one.once;
    o.stapling = one.stapling;
  } else if (side == role::client) {
    s.wrong("there is another one with the same usage already; a client shows one certificate");
  } else {
    o.others.push_back(std::move(one));
  }
}

void note_stapling(settings& s, bool of_server, const std::string& certificate) {
  const std::string why = of_server ? why_no_stapling(certificate)
                                    : "only a server shows such answers, with its own certificates";
  if (!why.empty()) s.note("ocspStapling", "has no effect: " + why);
}

// "encipherment" is this side's own, "verify" is for looking at the peer's.
void read_certificate(settings& s, role side, tls_options& o) {
  tls_identity one;
  use what = use::identity;
  if (!s.has("certificate")) s.needs("certificateFile", "the name of a PEM file");
  one.certificate = read_pem(s,
                             {"certificateFile",
                              "A PEM file with a chain, or with the authorities. It is read again within a "
                              "minute when it has changed."},
                             {"certificate", "The same as a list of lines."});
  one.key = read_pem(s, {"keyFile", "A PEM file with the key. Not for usage verify."},
                     {"key", "The same as a list of lines."});
  s.flag({"oneTimeLoading", "Whether the files are read once, and not when they change."}, one.once);
  std::int64_t stapling = 0;
  s.number<std::int64_t>(
      {"ocspStapling",
       "In seconds: how often a server asks the authority whether the certificate is valid, to show its "
       "clients the answer (OCSP); 0: never. The file must contain the certificate of the authority."},
      stapling, 0, 31'536'000);
  s.one_of<use>({"usage",
                 "encipherment: the certificate of this side; a server may have several, for several "
                 "names. verify: the authorities of the peer; with them a server asks its clients for "
                 "certificates."},
                what, {{"encipherment", use::identity}, {"verify", use::authority}});
  one.stapling = std::chrono::seconds(stapling);
  if (stapling > 0) note_stapling(s, what == use::identity && side == role::server, one.certificate);
  if (what == use::identity) {
    if (one.key.empty()) s.needs("keyFile", "the name of a PEM file");
    return take_identity(s, side, std::move(one), o);
  }
  if (!one.key.empty()) s.wrong("keyFile", "is not allowed; a certificate of usage verify has no key");
  if (!o.authority.empty()) s.wrong("a second certificate has usage verify; put both into one file");
  o.authority = std::move(one.certificate);
}

}  // namespace

void read_tls_certificates(settings& s, role side, tls_options& o) {
  s.objects({"certificates",
             "A server needs a certificate of its own; a client without an authority trusts the system's."},
            [&](settings& c, std::size_t) { read_certificate(c, side, o); });
}

}  // namespace muxpro::proxy
