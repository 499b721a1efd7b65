#include "proxy/transport/tls_context.hpp"

#include "proxy/transport/tls_secrets.hpp"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace muxpro::proxy {

namespace {

template <class T>
using owned = std::unique_ptr<T, void (*)(T*)>;

/// OpenSSL's reason, in terms of the file. Its own texts are "unsupported" and "no start line".
std::string reason_of(unsigned long e, std::string_view what) {
  const int library = ERR_GET_LIB(e), reason = ERR_GET_REASON(e);
  if (ERR_SYSTEM_ERROR(e)) return std::strerror(reason);
  if ((library == ERR_LIB_PEM && reason == PEM_R_NO_START_LINE) ||
      (library == ERR_LIB_OSSL_DECODER && reason == ERR_R_UNSUPPORTED))
    return fmt::format("there is no {} as PEM in it", what);
  if (library == ERR_LIB_PROV) return "it is encrypted, and muxpro has no passphrase for it";
  const char* const text = ERR_reason_error_string(e);
  return text ? text : "it is not PEM";
}

std::string name_of(const std::string& file) {
  return is_inline_pem(file) ? std::string("the configuration") : file;
}

/// Throws a sentence about `file` with OpenSSL's first reason, unless `done`.
void must(bool done, std::string_view what, const std::string& file) {
  if (done) return;
  const std::string reason = reason_of(ERR_get_error(), what);
  ERR_clear_error();
  throw std::runtime_error(fmt::format("cannot use the {} in {}: {}", what, name_of(file), reason));
}

// A passphrase cannot be typed, because there may be no terminal.
int no_passphrase(char*, int, int, void*) { return 0; }

owned<BIO> opened(const std::string& file) {
  BIO* const in = is_inline_pem(file) ? BIO_new_mem_buf(file.data(), static_cast<int>(file.size()))
                                      : BIO_new_file(file.c_str(), "r");
  return {in, BIO_free_all};
}

owned<X509> next_certificate(BIO* in) {
  return {in ? PEM_read_bio_X509_AUX(in, nullptr, no_passphrase, nullptr) : nullptr, X509_free};
}

void load_chain(SSL_CTX* to, const std::string& file) {
  const auto in = opened(file);
  const auto own = next_certificate(in.get());
  must(own && SSL_CTX_use_certificate(to, own.get()) == 1, "certificate", file);
  while (auto next = next_certificate(in.get()))
    if (SSL_CTX_add0_chain_cert(to, next.get()) == 1) next.release();
  ERR_clear_error();  // the end of the file
}

// A key of another kind than the certificate's has a place of its own in OpenSSL: then check_private_key
// fails.
void load_key(SSL_CTX* to, const std::string& key, const std::string& certificate) {
  const auto in = opened(key);
  const owned<EVP_PKEY> own(in ? PEM_read_bio_PrivateKey(in.get(), nullptr, no_passphrase, nullptr) : nullptr,
                            EVP_PKEY_free);
  must(own != nullptr, "key", key);
  if (SSL_CTX_use_PrivateKey(to, own.get()) == 1 && SSL_CTX_check_private_key(to) == 1) return;
  ERR_clear_error();
  throw std::runtime_error(
      fmt::format("cannot use the key in {}: it does not belong to the certificate in {}", name_of(key),
                  name_of(certificate)));
}

void load_authorities(SSL_CTX* to, role side, const std::string& file) {
  const auto in = opened(file);
  X509_STORE* const store = SSL_CTX_get_cert_store(to);
  bool some = false;
  while (const auto one = next_certificate(in.get())) {
    some = true;
    must(X509_STORE_add_cert(store, one.get()) == 1, "authorities", file);
    if (side == role::server) SSL_CTX_add_client_CA(to, one.get());
  }
  must(some, "authorities", file);
  ERR_clear_error();
}

void load_identity(SSL_CTX* to, const std::string& certificate, const std::string& key) {
  load_chain(to, certificate);
  load_key(to, key, certificate);
}

}  // namespace

void set_choices(SSL_CTX* to, const tls_options& o) {
  SSL_CTX_set_min_proto_version(to, o.least_version);
  SSL_CTX_set_max_proto_version(to, o.most_version);
  SSL_CTX_set_options(to, SSL_OP_NO_RENEGOTIATION);
  share_secrets(to);
  // tls_options::resumes can change that.
  SSL_CTX_set_session_cache_mode(to, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(to, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(to, 0);
  SSL_CTX_set_ciphersuites(to, suites_of_tls13);
  SSL_CTX_set_cipher_list(to, o.ciphers.empty() ? "ECDHE+AESGCM:ECDHE+CHACHA20" : o.ciphers.c_str());
  if (!o.groups.empty()) SSL_CTX_set1_groups_list(to, o.groups.c_str());
  ERR_clear_error();
}

void load_certificates(SSL_CTX* to, role side, const tls_options& o) {
  if (!o.certificate.empty()) load_identity(to, o.certificate, o.key);
  if (!o.authority.empty())
    load_authorities(to, side, o.authority);
  else if (side == role::client && o.system_authorities)
    SSL_CTX_set_default_verify_paths(to);
}

void read_once(tls_options& o) {
  const auto keep = [](std::string& file) {
    std::ifstream in(file, std::ios::binary);
    std::string text(std::istreambuf_iterator<char>(in), {});
    const auto begin = text.find("-----BEGIN ");
    if (begin != std::string::npos) file = text.substr(begin);
  };
  if (o.certificate_once) keep(o.certificate), keep(o.key);
  for (tls_identity& i : o.others)
    if (i.once) keep(i.certificate), keep(i.key);
}

std::string why_no_stapling(const std::string& certificate) try {
  const auto in = opened(certificate);
  const auto about = next_certificate(in.get());
  const owned<STACK_OF(X509)> chain(sk_X509_new_null(),
                                    [](STACK_OF(X509) * all) { sk_X509_pop_free(all, X509_free); });
  while (auto next = next_certificate(in.get()))
    if (sk_X509_push(chain.get(), next.get()) > 0) next.release();
  ERR_clear_error();
  if (about) ocsp_question(about.get(), issuer_in(chain.get(), about.get()));
  return {};
} catch (const std::runtime_error& e) {
  return e.what();
}

named_certificates::named_certificates(SSL_CTX* first, const tls_options& o)
    : reject_unknown_(o.reject_unknown_names), first_(first) {
  for (const tls_identity& i : o.others) {
    owned_context c(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    if (!c) throw std::bad_alloc();
    load_identity(c.get(), i.certificate, i.key);
    others_.push_back(std::move(c));
  }
  // OpenSSL keeps the name in a session of TLS 1.2 only if there is such a function.
  if (others_.empty() && !reject_unknown_ && !o.resumes) return;
  SSL_CTX_set_tlsext_servername_callback(first, choose);
  SSL_CTX_set_tlsext_servername_arg(first, this);
}

std::shared_ptr<ocsp_stapling> named_certificates::make_stapling(const tls_options& o) const {
  auto out = std::make_shared<ocsp_stapling>();
  bool some = false;
  const auto add = [&](SSL_CTX* c, duration every) {
    if (every.count() == 0) return;
    STACK_OF(X509)* chain = nullptr;
    SSL_CTX_get0_chain_certs(c, &chain);
    X509* const about = SSL_CTX_get0_certificate(c);
    try {
      out->add(about, issuer_in(chain, about), every);
      some = true;
    } catch (const std::runtime_error&) {  // why_no_stapling() has the reason for the operator
    }
  };
  add(first_, o.stapling);
  for (std::size_t i = 0; i < others_.size(); ++i) add(others_[i].get(), o.others[i].stapling);
  if (!some) return nullptr;
  out->attach(first_);
  return out;
}

SSL_CTX* named_certificates::find(const char* name) const {
  const auto has = [name](const SSL_CTX* c) {
    X509* const own = SSL_CTX_get0_certificate(c);
    return name && own && X509_check_host(own, name, 0, 0, nullptr) == 1;
  };
  if (has(first_)) return first_;
  const auto found =
      std::find_if(others_.begin(), others_.end(), [&](const auto& c) { return has(c.get()); });
  return found == others_.end() ? nullptr : found->get();
}

int named_certificates::choose(SSL* tls, int* alert, void* self) {
  const auto& all = *static_cast<const named_certificates*>(self);
  SSL_CTX* const found = all.find(SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name));
  if (!found && all.reject_unknown_) {
    ERR_raise(ERR_LIB_SSL, SSL_R_TLSV1_UNRECOGNIZED_NAME);  // else the log has "callback failed"
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  if (!found || found == all.first_) return SSL_TLSEXT_ERR_OK;
  STACK_OF(X509)* chain = nullptr;
  SSL_CTX_get0_chain_certs(found, &chain);
  SSL_certs_clear(tls);  // one of another kind would stay beside it
  const bool used = SSL_use_cert_and_key(tls, SSL_CTX_get0_certificate(found), SSL_CTX_get0_privatekey(found),
                                         chain, 1) == 1;
  return used ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace muxpro::proxy
