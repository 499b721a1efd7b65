#include "certificate.hpp"

#include <asio/ssl.hpp>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace io_test {
namespace {

template <auto Free>
struct deleter {
  template <class T>
  void operator()(T* p) const noexcept {
    Free(p);
  }
};

using key = std::unique_ptr<EVP_PKEY, deleter<EVP_PKEY_free>>;
using certificate = std::unique_ptr<X509, deleter<X509_free>>;
using text = std::unique_ptr<BIO, deleter<BIO_free_all>>;

void require(bool good) {
  if (!good) throw std::runtime_error("OpenSSL makes no certificate");
}

key make_key() {
  const std::unique_ptr<EVP_PKEY_CTX, deleter<EVP_PKEY_CTX_free>> c(
      EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, nullptr));
  EVP_PKEY* made = nullptr;
  require(c && EVP_PKEY_keygen_init(c.get()) == 1 && EVP_PKEY_keygen(c.get(), &made) == 1);
  return key(made);
}

certificate sign(EVP_PKEY* k) {
  certificate c(X509_new());
  require(c && X509_set_version(c.get(), 2) == 1);
  ASN1_INTEGER_set(X509_get_serialNumber(c.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(c.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(c.get()), 3600);
  X509_NAME* const name = X509_get_subject_name(c.get());
  const auto* const host = reinterpret_cast<const unsigned char*>("localhost");
  require(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, host, -1, -1, 0) == 1);
  require(X509_set_issuer_name(c.get(), name) == 1 && X509_set_pubkey(c.get(), k) == 1);
  require(X509_sign(c.get(), k, nullptr) > 0);
  return c;
}

std::string content(BIO* b) {
  char* data = nullptr;
  const long n = BIO_get_mem_data(b, &data);
  return {data, static_cast<std::size_t>(n)};
}

}  // namespace

test_tls::test_tls() {
  const key k = make_key();
  const certificate c = sign(k.get());
  const text key_text(BIO_new(BIO_s_mem())), certificate_text(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_PrivateKey(key_text.get(), k.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  require(PEM_write_bio_X509(certificate_text.get(), c.get()) == 1);
  const std::string pem = content(certificate_text.get());
  server.use_private_key(asio::buffer(content(key_text.get())), asio::ssl::context::pem);
  server.use_certificate(asio::buffer(pem), asio::ssl::context::pem);
  client.add_certificate_authority(asio::buffer(pem));
  client.set_verify_mode(asio::ssl::verify_peer);
}

}  // namespace io_test
