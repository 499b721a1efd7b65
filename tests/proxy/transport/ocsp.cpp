// OCSP: which answers of a certificate's authority count, and a server that shows them.
#include "catch.hpp"
#include "tls_link.hpp"

#include "proxy/net/wall_clock.hpp"
#include "proxy/transport/ocsp.hpp"

#include <openssl/ocsp.h>
#include <asio/co_spawn.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read_until.hpp>

#include <cstdio>
#include <functional>
#include <string>
#include <vector>

namespace ocsp_test {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace tls_test;
using namespace std::chrono_literals;
using asio::ip::tcp;
using test::byte_string;

namespace {

template <auto Free>
using free_with = test::free_with<Free>;
using basic_ptr = std::unique_ptr<OCSP_BASICRESP, free_with<OCSP_BASICRESP_free>>;
using response_ptr = std::unique_ptr<OCSP_RESPONSE, free_with<OCSP_RESPONSE_free>>;
using id_ptr = std::unique_ptr<OCSP_CERTID, free_with<OCSP_CERTID_free>>;
using time_ptr = std::unique_ptr<ASN1_TIME, free_with<ASN1_TIME_free>>;

/// The server's certificate with the address of a responder.
test::certificate_ptr with_responder(const std::string& url) {
  test::certificate_ptr out(X509_dup(known().server.certificate.get()));
  if (!url.empty()) {
    X509_EXTENSION* const e =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_info_access, ("OCSP;URI:" + url).c_str());
    X509_add_ext(out.get(), e, -1);
    X509_EXTENSION_free(e);
  }
  X509_sign(out.get(), known().ca.key.get(), nullptr);
  return out;
}

struct reply {
  int status = V_OCSP_CERTSTATUS_GOOD;
  long from = -60, until = 3600;
  const test::identity* signer = &known().ca;
  X509* about = nullptr;
  unsigned long flags = 0;  ///< of OCSP_basic_sign()
};

byte_string der_of(OCSP_RESPONSE* r) {
  byte_string out(static_cast<std::size_t>(i2d_OCSP_RESPONSE(r, nullptr)));
  auto* to = reinterpret_cast<unsigned char*>(out.data());
  i2d_OCSP_RESPONSE(r, &to);
  return out;
}

byte_string answer(const reply& how) {
  const basic_ptr all(OCSP_BASICRESP_new());
  const id_ptr id(OCSP_cert_to_id(EVP_sha1(), how.about, known().ca.certificate.get()));
  const time_ptr revoked(X509_gmtime_adj(nullptr, -30)), from(X509_gmtime_adj(nullptr, how.from)),
      until(X509_gmtime_adj(nullptr, how.until));
  REQUIRE(OCSP_basic_add1_status(all.get(), id.get(), how.status, 0, revoked.get(), from.get(), until.get()));
  const bool is_signed = OCSP_basic_sign(all.get(), how.signer->certificate.get(), how.signer->key.get(),
                                         nullptr, nullptr, how.flags) == 1;
  REQUIRE(is_signed);
  const response_ptr r(OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, all.get()));
  return der_of(r.get());
}

std::time_t now() { return wall_clock().time_since_epoch().count(); }

std::string verdict(const ocsp_question& q, const byte_string& answer) {
  try {
    return q.valid_until(answer, now()) > now() ? "good" : "over";
  } catch (const std::runtime_error& e) {
    return e.what();
  }
}

std::string mistake(const std::string& url, X509* issuer) {
  try {
    const auto about = with_responder(url);
    ocsp_question(about.get(), issuer);
    return "none";
  } catch (const std::runtime_error& e) {
    return e.what();
  }
}

}  // namespace

TEST_CASE("ocsp: the address of the responder in a certificate", "[proxy][tls]") {
  X509* const ca = known().ca.certificate.get();
  const auto about = with_responder("http://ocsp.example:8080/a/b");
  const ocsp_question q(about.get(), ca);
  CHECK(q.host() == "ocsp.example");
  CHECK(q.port() == 8080);
  CHECK(q.path() == "/a/b");
  CHECK(ocsp_question(with_responder("http://ocsp.example/a?b=c").get(), ca).path() == "/a?b=c");
  CHECK(ocsp_question(with_responder("http://ocsp.example").get(), ca).port() == 80);
  CHECK(ocsp_question(with_responder("http://ocsp.example").get(), ca).path() == "/");
  CHECK(mistake("http://a.example", nullptr) == "its authority is not in the file");
  CHECK(mistake("", ca) == "the certificate names no responder");
  CHECK(mistake("https://a.example", ca) == "its responder has no address of HTTP");
  CHECK(mistake("ldap://a.example", ca) == "its responder has no address of HTTP");
}

TEST_CASE("ocsp: which answers count", "[proxy][tls]") {
  const auto about = with_responder("http://ocsp.example");
  const ocsp_question q(about.get(), known().ca.certificate.get());
  const auto of = [&](const std::function<void(reply&)>& change) {
    reply r;
    r.about = about.get();
    change(r);
    return verdict(q, answer(r));
  };
  CHECK(of([](reply&) {}) == "good");
  CHECK(of([](reply& r) { r.from = 200; }) == "good");
  CHECK(of([](reply& r) { r.from = 400; }) == "the answer is not valid yet");
  CHECK(of([](reply& r) { r.until = -10; }) == "the answer has no end, or is not valid any more");
  CHECK(of([](reply& r) { r.status = V_OCSP_CERTSTATUS_REVOKED; }) == "the certificate is revoked");
  CHECK(of([](reply& r) { r.status = V_OCSP_CERTSTATUS_UNKNOWN; }) ==
        "the certificate is unknown to the responder");
  CHECK(of([](reply& r) { r.about = known().alice.certificate.get(); }) ==
        "the answer is about other certificates");
  for (const test::identity* other : {&known().other_ca, &known().mallory, &known().alice})
    CHECK(of([other](reply& r) { r.signer = other; }) ==
          "the certificate's authority has not signed the answer");
  const response_ptr none(OCSP_response_create(OCSP_RESPONSE_STATUS_TRYLATER, nullptr));
  CHECK(verdict(q, der_of(none.get())) == "the responder returned an error");
  reply r;
  r.about = about.get();
  byte_string longer = answer(r);
  longer.push_back(std::byte{0});
  CHECK(verdict(q, longer) == "the answer is malformed");
}

TEST_CASE("ocsp: a cut or changed answer does not count", "[proxy][tls]") {
  const auto about = with_responder("http://ocsp.example");
  const ocsp_question q(about.get(), known().ca.certificate.get());
  reply r;
  r.about = about.get();
  r.flags = OCSP_NOCERTS;  // the signer's certificate beside the answer would not be signed
  const byte_string good = answer(r);
  for (std::size_t n = 0; n < good.size(); ++n)
    if (verdict(q, byte_string(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(n))) == "good")
      FAIL(n);
  for (std::size_t at = 0; at < good.size(); ++at) {
    byte_string wrong = good;
    wrong[at] ^= std::byte{1};
    if (verdict(q, wrong) == "good") FAIL(at);
  }
}

namespace {

/// Answers each request by HTTP with what is set.
struct responder {
  explicit responder(asio::io_context& io)
      : acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    asio::co_spawn(io, serve(), [](std::exception_ptr) {});
  }
  std::string url() const {
    return "http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()) + "/ocsp";
  }
  asio::awaitable<void> serve() {
    for (;;) {
      tcp::socket s = co_await acceptor.async_accept(asio::use_awaitable);
      ++asked;
      std::string request;
      co_await asio::async_read_until(s, asio::dynamic_buffer(request), "\r\n\r\n", asio::use_awaitable);
      first_line = request.substr(0, request.find('\r'));
      std::string all = head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
      all.append(reinterpret_cast<const char*>(body.data()), body.size());
      co_await asio::async_write(s, asio::buffer(all), asio::use_awaitable);
    }
  }

  tcp::acceptor acceptor;
  std::string head = "HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\n", first_line;
  byte_string body;
  int asked = 0;
};

/// A server with such a certificate in a file that also has its authority.
struct stapling_server {
  explicit stapling_server(const std::string& file = "stapled") {
    about = with_responder(site.url());
    tls_options o = of_server();
    o.certificate = known().at / (file + ".pem");
    const test::file_ptr out(std::fopen(o.certificate.c_str(), "w"));
    PEM_write_X509(out.get(), about.get());
    PEM_write_X509(out.get(), known().ca.certificate.get());
    std::fflush(out.get());
    o.stapling = 1h;
    server = std::make_shared<tls_transport>(role::server, o);
  }
  /// What a client that asks for it is shown.
  byte_string shown() {
    auto [a, b] = socket_pair(io);
    const auto served = std::make_shared<opened>();
    asio::co_spawn(io, open_into(server, std::move(b), served), asio::detached);
    ssl_ptr tls = make_ssl(role::client);
    SSL_set_tlsext_status_type(tls.get(), TLSEXT_STATUSTYPE_ocsp);
    tls_stream<stream_socket> client(std::move(a), std::move(tls));
    bool done = false;
    client.async_handshake([&](std::error_code ec) { done = !ec; });
    test::run_until(io, [&] { return done && served->done; });
    const unsigned char* text = nullptr;
    const long size = SSL_get_tlsext_status_ocsp_resp(client.ssl(), &text);
    const auto* const at = reinterpret_cast<const std::byte*>(text);
    return size > 0 ? byte_string(at, at + size) : byte_string();
  }

  void wait(std::chrono::milliseconds time) {
    io.restart();
    io.run_for(time);
  }

  asio::io_context io;
  responder site{io};
  test::certificate_ptr about;
  std::shared_ptr<tls_transport> server;
};

}  // namespace

TEST_CASE("ocsp: a server shows its authority's answer from its second client on", "[proxy][tls]") {
  stapling_server s;
  reply r;
  r.about = s.about.get();
  s.site.body = answer(r);
  CHECK(s.shown().empty());
  for (int i = 0; i < 500 && s.shown().empty(); ++i) s.wait(10ms);
  CHECK(s.shown() == s.site.body);
  CHECK(s.site.asked == 1);
  CHECK(s.site.first_line == "POST /ocsp HTTP/1.1");
  s.server->reload();
  CHECK(s.shown().empty());
}

TEST_CASE("ocsp: a server shows no answer that does not count", "[proxy][tls]") {
  stapling_server s("not-stapled");
  reply r;
  r.about = s.about.get();
  r.status = V_OCSP_CERTSTATUS_REVOKED;
  s.site.body = answer(r);
  CHECK(s.shown().empty());
  test::run_until(s.io, [&] { return s.site.asked == 1; });
  for (int i = 0; i < 5; ++i) {
    s.wait(5ms);
    CHECK(s.shown().empty());
  }
  CHECK(s.site.asked == 1);
}

TEST_CASE("ocsp: a server stops during a request", "[proxy][tls]") {
  stapling_server s("stopped");
  s.site.head.clear();  // an answer that never has a whole head
  CHECK(s.shown().empty());
  test::run_until(s.io, [&] { return s.site.asked == 1; });
  s.server.reset();
}

}  // namespace ocsp_test
