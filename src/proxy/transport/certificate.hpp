// pin_of(), is_signed_by_pinned(), pinned_user(), vouched_user(): identify a peer by its certificate.
#pragma once

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <string>
#include <vector>

namespace muxpro::proxy {

/// Returns the SHA-256 of the certificate, as a pin. Empty without a certificate.
std::string pin_of(const X509* certificate);

/// Whether the server's certificate has one of the names that `client` demands, and an authority whose
/// certificate the server has sent and `pins` contain has signed it, as the system's would have to.
bool is_signed_by_pinned(SSL* client, const std::vector<std::string>& pins);

/// Returns "sha256:" and the pin. Empty without a certificate.
std::string pinned_user(const X509* certificate);

/// The subject's common name as UTF-8, which an authority has signed. It is used if there is exactly one, of
/// 1 to 64 characters (X.520) without control characters. Otherwise it is pinned_user(), so that each
/// certificate has a name and no two share one. Empty if there is no certificate.
std::string vouched_user(const X509* certificate);

}  // namespace muxpro::proxy
