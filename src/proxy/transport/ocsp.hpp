// ocsp_question: a request about a certificate to its authority, and the check of the answer (RFC 6960),
// without I/O. Ring 4.
#pragma once

#include <muxpro/codec.hpp>

#include <openssl/ocsp.h>
#include <openssl/x509.h>

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

namespace muxpro::proxy {

/// The question about one certificate.
class ocsp_question {
 public:
  /// `issuer` has signed `about`. Throws std::runtime_error with what is missing.
  ocsp_question(X509* about, X509* issuer);

  const std::string& host() const noexcept { return host_; }
  std::uint16_t port() const noexcept { return port_; }
  const std::string& path() const noexcept { return path_; }
  /// DER, the body of a POST with application/ocsp-request.
  const std::vector<std::byte>& body() const noexcept { return body_; }
  /// Until when `answer` is valid, in seconds since 1970. Throws std::runtime_error with the reason if it is
  /// none about this certificate, not signed by its issuer or a responder of the issuer, outside of its time,
  /// or anything but "good".
  std::time_t valid_until(const_bytes answer, std::time_t now) const;

 private:
  std::shared_ptr<X509> issuer_;
  std::string host_, path_;
  std::uint16_t port_ = 80;
  std::shared_ptr<OCSP_CERTID> id_;
  std::vector<std::byte> body_;
};

/// The certificate of `chain` that `about` names as its issuer. Null if there is none.
X509* issuer_in(const STACK_OF(X509) * chain, X509* about);

}  // namespace muxpro::proxy
