#include "proxy/transport/reality_certificates.hpp"

#include "proxy/reality/certificate.hpp"

#include <openssl/x509.h>

#include <cstring>
#include <new>

namespace muxpro::proxy {

proving_certificates::~proving_certificates() {
  for (X509* const x : idle_) X509_free(x);
}

X509* proving_certificates::take_idle() noexcept {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return nullptr;
  X509* const x = idle_.back();
  idle_.pop_back();
  return x;
}

void proving_certificates::put_back(X509* x) noexcept {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < most_idle)
    idle_.push_back(x);
  else
    X509_free(x);
}

std::shared_ptr<X509> proving_certificates::take(const key_bytes& key) {
  const auto proof = certificate_proof(key, ed25519_);
  X509* x = take_idle();
  if (x) {
    const ASN1_BIT_STRING* signature = nullptr;
    X509_get0_signature(&signature, nullptr, x);
    std::memcpy(const_cast<unsigned char*>(ASN1_STRING_get0_data(signature)), proof.data(), proof.size());
  } else {
    const std::vector<std::byte> der = reality_certificate(ed25519_, proof);
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    x = d2i_X509(nullptr, &at, static_cast<long>(der.size()));
    if (!x) throw std::bad_alloc();
  }
  return {x, [self = shared_from_this()](X509* used) { self->put_back(used); }};
}

}  // namespace muxpro::proxy
