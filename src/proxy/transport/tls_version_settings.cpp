#include "proxy/base/text.hpp"
#include "proxy/transport/tls_settings.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/objects.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

namespace muxpro::proxy {

namespace {

void read_version(settings& s, const setting_key& key, int& to) {
  constexpr int older = 0;
  int version = to;
  if (!s.one_of<int>(key, version,
                     {{"1.2", TLS1_2_VERSION}, {"1.3", TLS1_3_VERSION}, {"1.1", older}, {"1.0", older}}))
    return;
  to = version == older ? TLS1_2_VERSION : version;
  if (version == older) s.note(key.name, "means 1.2, the oldest version that muxpro speaks");
}

/// "TLS_A:TLS_B", the names of Go and of IANA, as OpenSSL has them. Those of TLS 1.3 cannot be chosen.
void read_ciphers(settings& s, tls_options& o) {
  std::string text;
  if (!s.text({"cipherSuites", "Suites of TLS 1.2 by IANA's names, with colons between them."}, text)) return;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string one(rest.substr(0, rest.find(':')));
    rest.remove_prefix(std::min(one.size() + 1, rest.size()));
    const std::string_view name = OPENSSL_cipher_name(one.c_str());
    if (one.starts_with("TLS_AES_") || one.starts_with("TLS_CHACHA20_"))
      s.note("cipherSuites", fmt::format("has {}: suites of TLS 1.3 are always on", sanitized(one)));
    else if (name.empty() || name == "(NONE)")
      s.wrong("cipherSuites",
              fmt::format("has '{}', which is not a cipher suite of OpenSSL", sanitized(one)));
    else
      o.ciphers += (o.ciphers.empty() ? "" : ":") + std::string(name);
  }
}

bool library_has_group(const std::string& name) {
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> c(SSL_CTX_new(TLS_method()), SSL_CTX_free);
  const bool has = c && SSL_CTX_set1_groups_list(c.get(), name.c_str()) == 1;
  ERR_clear_error();
  return has;
}

void read_groups(settings& s, tls_options& o) {
  constexpr std::pair<std::string_view, std::string_view> names[] = {
      {"x25519", "X25519"}, {"curvep256", "P-256"}, {"curvep384", "P-384"}, {"curvep521", "P-521"}};
  std::vector<std::string> wanted;
  s.texts({"curvePreferences", "Groups of the key exchange: X25519, CurveP256, CurveP384, CurveP521."},
          wanted);
  std::erase(wanted, std::string());
  for (const std::string& one : wanted) {
    const auto* const found = std::find_if(std::begin(names), std::end(names),
                                           [&](const auto& n) { return n.first == lower_case(one); });
    const bool is_hybrid = lower_case(one).find("mlkem") != std::string::npos;
    if (is_hybrid && !library_has_group(one))
      s.note("curvePreferences", fmt::format("has {}, which this OpenSSL does not have", sanitized(one)));
    else if (is_hybrid)
      o.groups += (o.groups.empty() ? "" : ":") + one;
    else if (found == std::end(names))
      s.wrong("curvePreferences",
              fmt::format("has '{}', which is not a group that muxpro supports", sanitized(one)));
    else
      o.groups += (o.groups.empty() ? "" : ":") + std::string(found->second);
  }
}

}  // namespace

// As in Xray the oldest version is 1.2, unless the file has another one.
void read_tls_versions(settings& s, tls_options& o) {
  o.least_version = TLS1_2_VERSION;
  read_version(s, {"minVersion", "The lowest version of TLS; 1.0 and 1.1 mean 1.2."}, o.least_version);
  read_version(s, {"maxVersion", "The highest version of TLS."}, o.most_version);
  if (o.least_version > o.most_version) s.wrong("maxVersion", "is lower than minVersion");
  read_ciphers(s, o);
  read_groups(s, o);
}

}  // namespace muxpro::proxy
