// set_choices(), load_certificates(), named_certificates: set an OpenSSL context by tls_options, with
// versions, ciphers, files, and a server's certificates by name.
#pragma once

#include "proxy/transport/ocsp_stapling.hpp"
#include "proxy/transport/tls.hpp"

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <vector>

namespace muxpro::proxy {

/// Browsers have this order. OpenSSL's begins with the long key, which costs more for every byte.
constexpr const char* suites_of_tls13 =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

/// Versions, ciphers and groups, without any file.
void set_choices(SSL_CTX* to, const tls_options& o);
/// Certificates, keys and authorities. Throws std::runtime_error with one sentence that names the file.
void load_certificates(SSL_CTX* to, role side, const tls_options& o);
/// The content of PEM files that are to be read once takes the place of their names.
void read_once(tls_options& o);

/// Why the authority of the certificate in this file, or PEM, cannot be asked about it; empty: it can, or the
/// file cannot be read.
std::string why_no_stapling(const std::string& certificate);

/// A server's certificates, from which the name that a client asks for chooses one.
class named_certificates {
 public:
  /// `first` has that of tls_options::certificate, and must outlive it.
  named_certificates(SSL_CTX* first, const tls_options& o);
  named_certificates(const named_certificates&) = delete;

  /// Null: none of them has it. It must not outlive *this.
  std::shared_ptr<ocsp_stapling> make_stapling(const tls_options& o) const;

 private:
  using owned_context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
  SSL_CTX* find(const char* name) const;
  static int choose(SSL* tls, int* alert, void* self);

  const bool reject_unknown_;
  SSL_CTX* const first_;
  std::vector<owned_context> others_;
};

}  // namespace muxpro::proxy
