// Certificates that a test makes for itself, in files of a directory that goes with it.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace test {

class directory {
 public:
  directory() {
    char name[] = "/tmp/muxpro-test-XXXXXX";
    if (!::mkdtemp(name)) throw std::runtime_error("cannot make a directory");
    path_ = name;
  }
  directory(const directory&) = delete;
  ~directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

template <auto Free>
struct free_with {
  template <class T>
  void operator()(T* p) const noexcept {
    Free(p);
  }
};
using key_ptr = std::unique_ptr<EVP_PKEY, free_with<EVP_PKEY_free>>;
using certificate_ptr = std::unique_ptr<X509, free_with<X509_free>>;
using file_ptr = std::unique_ptr<FILE, free_with<std::fclose>>;

struct identity {
  key_ptr key;
  certificate_ptr certificate;
  std::string key_file, certificate_file, pin;
};

/// `names` as in a configuration of OpenSSL: "DNS:a.example,IP:127.0.0.1"; empty: an authority. Signed by
/// `by`, or by itself. Valid from an hour before now until `seconds` after it. `common_names`: what the
/// subject is instead of `name`, unchecked, so that it may be what no honest authority signs.
inline identity make_identity(const directory& where, const std::string& name, const std::string& names,
                              const identity* by = nullptr, long seconds = 3600,
                              const std::optional<std::vector<std::string>>& common_names = {}) {
  static long serial = 0;
  identity out;
  out.key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  out.certificate.reset(X509_new());
  X509* const x = out.certificate.get();
  X509_set_version(x, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(x), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x), seconds);
  X509_NAME* const subject = X509_get_subject_name(x);
  for (const std::string& cn : common_names.value_or(std::vector{name})) {
    const auto* const text = reinterpret_cast<const unsigned char*>(cn.data());
    X509_NAME_add_entry_by_NID(subject, NID_commonName, V_ASN1_UTF8STRING, text, static_cast<int>(cn.size()),
                               -1, 0);
  }
  X509_set_issuer_name(x, by ? X509_get_subject_name(by->certificate.get()) : subject);
  X509_set_pubkey(x, out.key.get());
  const int kind = names.empty() ? NID_basic_constraints : NID_subject_alt_name;
  X509_EXTENSION* const extension =
      X509V3_EXT_conf_nid(nullptr, nullptr, kind, names.empty() ? "critical,CA:TRUE" : names.c_str());
  X509_add_ext(x, extension, -1);
  X509_EXTENSION_free(extension);
  if (X509_sign(x, by ? by->key.get() : out.key.get(), nullptr) == 0)
    throw std::runtime_error("cannot make a certificate");

  out.key_file = where / (name + ".key");
  out.certificate_file = where / (name + ".pem");
  PEM_write_PrivateKey(file_ptr(std::fopen(out.key_file.c_str(), "w")).get(), out.key.get(), nullptr, nullptr,
                       0, nullptr, nullptr);
  PEM_write_X509(file_ptr(std::fopen(out.certificate_file.c_str(), "w")).get(), x);
  unsigned char digest[32];
  X509_digest(x, EVP_sha256(), digest, nullptr);
  for (const unsigned char c : digest) {
    constexpr const char* digits = "0123456789abcdef";
    out.pin += {digits[c >> 4], digits[c & 15]};
  }
  return out;
}

/// Two authorities and what they have signed.
struct certificates {
  directory at;
  identity ca = make_identity(at, "ca", ""), other_ca = make_identity(at, "other-ca", "");
  identity server = make_identity(at, "server", "DNS:server.example,IP:127.0.0.1", &ca);
  identity expired = make_identity(at, "expired", "DNS:server.example", &ca, -60);
  identity alice = make_identity(at, "alice", "DNS:alice.example", &ca);
  identity mallory = make_identity(at, "mallory", "DNS:alice.example", &other_ca);
};

}  // namespace test
