#include "proxy/transport/ocsp.hpp"
#include "proxy/base/deleter.hpp"

#include "proxy/base/text.hpp"

#include <openssl/err.h>
#include <openssl/http.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include <stdexcept>

namespace muxpro::proxy {

namespace {

using response_ptr = std::unique_ptr<OCSP_RESPONSE, deleter<OCSP_RESPONSE_free>>;
using basic_ptr = std::unique_ptr<OCSP_BASICRESP, deleter<OCSP_BASICRESP_free>>;
using request_ptr = std::unique_ptr<OCSP_REQUEST, deleter<OCSP_REQUEST_free>>;
using store_ptr = std::unique_ptr<X509_STORE, deleter<X509_STORE_free>>;
using chain_ptr = std::unique_ptr<STACK_OF(X509), deleter<[](STACK_OF(X509) * all) { sk_X509_free(all); }>>;
using texts_ptr = std::unique_ptr<STACK_OF(OPENSSL_STRING), deleter<X509_email_free>>;

/// The clocks of both sides may differ by this.
constexpr long tolerated_seconds = 300;

void demand(bool holds, const char* otherwise) {
  ERR_clear_error();
  if (!holds) throw std::runtime_error(otherwise);
}

/// A string of OpenSSL's.
std::string take(char* text) {
  const std::unique_ptr<char, void (*)(char*)> own(text, [](char* t) { OPENSSL_free(t); });
  return text ? text : "";
}

/// The first that is asked by HTTP.
std::string responder_of(X509* about) {
  const texts_ptr all(X509_get1_ocsp(about));
  demand(all && sk_OPENSSL_STRING_num(all.get()) > 0, "the certificate names no responder");
  for (int i = 0; i < sk_OPENSSL_STRING_num(all.get()); ++i) {
    const std::string url = sk_OPENSSL_STRING_value(all.get(), i);
    if (lower_case(url).starts_with("http://")) return url;
  }
  throw std::runtime_error("its responder has no address of HTTP");
}

std::vector<std::byte> request_about(const OCSP_CERTID* id) {
  const request_ptr request(OCSP_REQUEST_new());
  OCSP_CERTID* const copy = OCSP_CERTID_dup(id);
  const bool added = request && copy && OCSP_request_add0_id(request.get(), copy);
  if (!added) OCSP_CERTID_free(copy);
  demand(added, "OpenSSL cannot make the request");
  std::vector<std::byte> out(static_cast<std::size_t>(i2d_OCSP_REQUEST(request.get(), nullptr)));
  auto* to = reinterpret_cast<unsigned char*>(out.data());
  i2d_OCSP_REQUEST(request.get(), &to);
  return out;
}

basic_ptr parse(const_bytes answer) {
  const auto* at = reinterpret_cast<const unsigned char*>(answer.data());
  const auto* const end = at + answer.size();
  const response_ptr whole(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(answer.size())));
  demand(whole && at == end, "the answer is malformed");
  demand(OCSP_response_status(whole.get()) == OCSP_RESPONSE_STATUS_SUCCESSFUL,
         "the responder returned an error");
  basic_ptr out(OCSP_response_get1_basic(whole.get()));
  demand(out != nullptr, "the answer is malformed");
  return out;
}

void verify(OCSP_BASICRESP* answer, X509* issuer) {
  const store_ptr store(X509_STORE_new());
  const chain_ptr chain(sk_X509_new_null());
  const bool ready = store && chain && X509_STORE_add_cert(store.get(), issuer) == 1 &&
                     X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
                     sk_X509_push(chain.get(), issuer) > 0;
  demand(ready, "OpenSSL cannot verify the answer");
  demand(OCSP_basic_verify(answer, chain.get(), store.get(), 0) == 1,
         "the certificate's authority has not signed the answer");
}

std::time_t seconds_of(const ASN1_GENERALIZEDTIME* t) {
  std::tm parts{};
  demand(ASN1_TIME_to_tm(t, &parts) == 1, "the answer is malformed");
  return ::timegm(&parts);
}

}  // namespace

X509* issuer_in(const STACK_OF(X509) * chain, X509* about) {
  for (int i = 0; i < sk_X509_num(chain); ++i)
    if (X509* const one = sk_X509_value(chain, i); X509_check_issued(one, about) == X509_V_OK) return one;
  return nullptr;
}

ocsp_question::ocsp_question(X509* about, X509* issuer) {
  demand(issuer != nullptr, "its authority is not in the file");
  X509_up_ref(issuer);
  issuer_.reset(issuer, X509_free);
  const std::string url = responder_of(about);
  char *host = nullptr, *port = nullptr, *path = nullptr, *query = nullptr;
  const bool read =
      OSSL_HTTP_parse_url(url.c_str(), nullptr, nullptr, &host, &port, nullptr, &path, &query, nullptr) == 1;
  host_ = take(host);
  path_ = take(path);
  if (const std::string asked = take(query); !asked.empty()) path_ += "?" + asked;
  const auto number_of_port = number<std::uint16_t>(take(port));
  demand(read && number_of_port, "its responder has no address of HTTP");
  port_ = *number_of_port;
  id_.reset(OCSP_cert_to_id(EVP_sha1(), about, issuer), OCSP_CERTID_free);
  demand(id_ != nullptr, "OpenSSL cannot make the request");
  body_ = request_about(id_.get());
}

std::time_t ocsp_question::valid_until(const_bytes answer, std::time_t now) const {
  const basic_ptr all = parse(answer);
  verify(all.get(), issuer_.get());
  int status = 0;
  ASN1_GENERALIZEDTIME *from = nullptr, *until = nullptr;
  demand(OCSP_resp_find_status(all.get(), id_.get(), &status, nullptr, nullptr, &from, &until) == 1,
         "the answer is about other certificates");
  demand(status != V_OCSP_CERTSTATUS_REVOKED, "the certificate is revoked");
  demand(status == V_OCSP_CERTSTATUS_GOOD, "the certificate is unknown to the responder");
  demand(from && seconds_of(from) <= now + tolerated_seconds, "the answer is not valid yet");
  demand(until && seconds_of(until) > now, "the answer has no end, or is not valid any more");
  return seconds_of(until);
}

}  // namespace muxpro::proxy
