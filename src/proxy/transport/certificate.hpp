// What a peer's certificate says of it.
#pragma once

#include <openssl/x509.h>

#include <string>

namespace muxpro::proxy {

/// The SHA-256 of it, as a pin; empty if there is none.
std::string pin_of(const X509* certificate);

/// "sha256:" and the pin; empty if there is no certificate.
std::string pinned_user(const X509* certificate);

/// Who an authority says that it is: the subject's common name, as UTF-8. Where there is not exactly one, of
/// 1 to 64 characters (X.520) without a control character among them, pinned_user(): nobody is left out, and
/// no two are taken for one. Empty if there is no certificate.
std::string vouched_user(const X509* certificate);

}  // namespace muxpro::proxy
