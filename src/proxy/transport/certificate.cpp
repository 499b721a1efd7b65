#include "proxy/transport/certificate.hpp"

#include "proxy/base/deleter.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

namespace muxpro::proxy {

namespace {

std::string only_common_name(const X509* certificate) {
  const X509_NAME* const subject = X509_get_subject_name(certificate);
  const int first = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (first < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, first) >= 0) return {};
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, first)));
  if (size < 0) return {};
  const std::unique_ptr<unsigned char, void (*)(unsigned char*)> freed(
      text, [](unsigned char* t) { OPENSSL_free(t); });
  return {text, text + size};
}

bool is_common_name(std::string_view utf8) {
  constexpr std::ptrdiff_t most_characters = 64;
  const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
  const auto controls = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  return !utf8.empty() && std::count_if(utf8.begin(), utf8.end(), begins) <= most_characters &&
         std::none_of(utf8.begin(), utf8.end(), controls) && !utf8.starts_with("sha256:");
}

/// Whether `authority` alone is enough to trust the peer of `client`, which has sent `chain`.
bool vouches(X509* authority, SSL* client, STACK_OF(X509) * chain) {
  X509_VERIFY_PARAM* const demands = SSL_get0_param(client);
  X509_VERIFY_PARAM_set_auth_level(demands, SSL_get_security_level(client));  // as libssl does
  const std::unique_ptr<X509_STORE, deleter<X509_STORE_free>> store(X509_STORE_new());
  const std::unique_ptr<X509_STORE_CTX, deleter<X509_STORE_CTX_free>> c(X509_STORE_CTX_new());
  if (!store || !c || X509_STORE_add_cert(store.get(), authority) != 1 ||
      X509_STORE_CTX_init(c.get(), store.get(), SSL_get0_peer_certificate(client), chain) != 1 ||
      X509_STORE_CTX_set_default(c.get(), "ssl_server") != 1 ||
      X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(c.get()), demands) != 1)
    return false;
  X509_STORE_CTX_set_flags(c.get(), X509_V_FLAG_PARTIAL_CHAIN);  // it may be an intermediate one
  return X509_verify_cert(c.get()) == 1;
}

}  // namespace

bool is_signed_by_pinned(SSL* client, const std::vector<std::string>& pins) {
  STACK_OF(X509)* const chain = SSL_get_peer_cert_chain(client);
  bool found = false;
  for (int i = 0; i < sk_X509_num(chain) && !found; ++i) {
    X509* const c = sk_X509_value(chain, i);
    found = X509_check_ca(c) == 1 && std::find(pins.begin(), pins.end(), pin_of(c)) != pins.end() &&
            vouches(c, client, chain);
  }
  ERR_clear_error();
  return found;
}

std::string pin_of(const X509* certificate) {
  std::array<unsigned char, 32> digest{};
  if (!certificate || X509_digest(certificate, EVP_sha256(), digest.data(), nullptr) != 1) return {};
  return fmt::format("{:02x}", fmt::join(digest, ""));
}

std::string pinned_user(const X509* certificate) {
  if (!certificate) return {};
  return "sha256:" + pin_of(certificate);
}

std::string vouched_user(const X509* certificate) {
  if (!certificate) return {};
  std::string name = only_common_name(certificate);
  if (!is_common_name(name)) return pinned_user(certificate);
  return name;
}

}  // namespace muxpro::proxy
