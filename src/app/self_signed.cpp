#include "self_signed.hpp"

#include "lines.hpp"
#include "proxy/transport/certificate.hpp"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <asio/ip/address.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <system_error>

namespace muxpro::app {

namespace {

template <class T>
using owned = std::unique_ptr<T, void (*)(T*)>;

void must(bool done, const char* what) {
  if (!done) throw std::runtime_error(fmt::format("cannot {}", what));
}

void add_extension(X509* to, int nid, const std::string& value) {
  X509V3_CTX around;
  X509V3_set_ctx_nodb(&around);
  X509V3_set_ctx(&around, to, to, nullptr, nullptr, 0);
  const owned<X509_EXTENSION> e(X509V3_EXT_conf_nid(nullptr, &around, nid, value.c_str()),
                                X509_EXTENSION_free);
  must(e && X509_add_ext(to, e.get(), -1) == 1, "make a certificate for these names");
}

std::string alternative_names(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    std::error_code no;
    asio::ip::make_address(name, no);
    out += fmt::format("{}{}:{}", out.empty() ? "" : ",", no ? "DNS" : "IP", name);
  }
  return out;
}

void add_name(X509_NAME* to, const char* field, const std::string& text) {
  if (text.empty()) return;
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  must(X509_NAME_add_entry_by_txt(to, field, MBSTRING_UTF8, bytes, static_cast<int>(text.size()), -1, 0) == 1,
       "make a certificate with this name");
}

owned<X509> certificate_for(EVP_PKEY* key, const self_signed_options& o) {
  owned<X509> out(X509_new(), X509_free);
  must(out != nullptr, "make a certificate");
  X509* const c = out.get();
  std::uint64_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
  X509_set_version(c, X509_VERSION_3);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(c), serial >> 1);
  X509_gmtime_adj(X509_getm_notBefore(c), -3600);
  X509_time_adj_ex(X509_getm_notAfter(c), static_cast<int>(o.days), 0, nullptr);
  const std::string name = o.common_name.empty() ? o.names.front() : o.common_name;
  add_name(X509_get_subject_name(c), "CN", name);
  add_name(X509_get_subject_name(c), "O", o.organization);
  X509_set_issuer_name(c, X509_get_subject_name(c));
  X509_set_pubkey(c, key);
  add_extension(c, NID_subject_alt_name, alternative_names(o.names));
  add_extension(c, NID_basic_constraints, "CA:FALSE");
  must(X509_sign(c, key, EVP_sha256()) > 0, "sign a certificate");
  return out;
}

std::string text_of(BIO* from) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(from, &data);
  return {data, static_cast<std::size_t>(size)};
}

void write_file(const std::string& file, const std::string& text, unsigned mode) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  const bool written = fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (fd >= 0) ::close(fd);
  if (!written) throw std::runtime_error(fmt::format("cannot write {}", file));
}

}  // namespace

int make_certificate(const self_signed_options& options) {
  self_signed_options o = options;
  if (o.names.empty()) o.names.emplace_back(o.common_name.empty() ? "localhost" : o.common_name);
  const owned<EVP_PKEY> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  must(key != nullptr, "make a key");
  const auto certificate = certificate_for(key.get(), o);
  const owned<BIO> open(BIO_new(BIO_s_mem()), BIO_free_all), secret(BIO_new(BIO_s_mem()), BIO_free_all);
  must(open && secret && PEM_write_bio_X509(open.get(), certificate.get()) == 1 &&
           PEM_write_bio_PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1,
       "write a certificate");
  if (o.file.empty()) {
    const std::string both = text_of(open.get()) + text_of(secret.get());
    std::fwrite(both.data(), 1, both.size(), stdout);
    return 0;
  }
  write_file(o.file + ".crt", text_of(open.get()), 0644);
  write_file(o.file + ".key", text_of(secret.get()), 0600);
  print_line(stdout, fmt::format("{0}.crt and {0}.key", o.file));
  return 0;
}

int print_hash(const std::string& file) {
  const owned<BIO> in(BIO_new_file(file.c_str(), "r"), BIO_free_all);
  if (!in) throw std::runtime_error(fmt::format("cannot read {}", file));
  const owned<X509> c(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr), X509_free);
  if (!c) throw std::runtime_error(fmt::format("{} has no certificate as PEM", file));
  print_line(stdout, proxy::pin_of(c.get()));
  return 0;
}

}  // namespace muxpro::app
