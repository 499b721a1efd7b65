// What a peer's certificate says of it.
#pragma once

#include <openssl/x509.h>

#include <string>

namespace muxpro::proxy {

/// The SHA-256 of it, as a pin; empty if there is none.
std::string pin_of(const X509* certificate);

/// The subject's common name, as UTF-8. Where there is not exactly one, of 1 to 64 characters (X.520) without
/// a control character among them, "sha256:" and the pin: nobody is left out, and no two are taken for one.
/// Empty if there is no certificate.
std::string user_of(const X509* certificate);

}  // namespace muxpro::proxy
