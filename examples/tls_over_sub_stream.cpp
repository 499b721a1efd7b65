// TLS inside a sub-stream: asio::ssl::stream<muxpro::sub_stream> on both ends of a session in memory.
// Mux.Pro does not encrypt; this does, from end to end. The certificate is made at start, and the client
// trusts that one and no other.
#include <muxpro.hpp>
#include <muxpro/pipe.hpp>

#include <fmt/format.h>
#include <asio.hpp>
#include <asio/ssl.hpp>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace {

using tls_stream = asio::ssl::stream<muxpro::sub_stream>;
constexpr const char* host = "echo.example";

template <auto Free>
struct free_with {
  template <class T>
  void operator()(T* p) const noexcept {
    Free(p);
  }
};
using key_ptr = std::unique_ptr<EVP_PKEY, free_with<EVP_PKEY_free>>;
using key_context = std::unique_ptr<EVP_PKEY_CTX, free_with<EVP_PKEY_CTX_free>>;
using certificate_ptr = std::unique_ptr<X509, free_with<X509_free>>;
using memory_ptr = std::unique_ptr<BIO, free_with<BIO_free_all>>;

void check(bool good) {
  if (!good) throw std::runtime_error("OpenSSL cannot make a certificate");
}

std::string text_of(BIO* memory) {
  char* data = nullptr;
  const long n = BIO_get_mem_data(memory, &data);
  return std::string(data, static_cast<std::size_t>(n));
}

struct identity {
  std::string key, certificate;  ///< PEM
};

key_ptr make_key() {
  const key_context context(EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, nullptr));
  EVP_PKEY* key = nullptr;
  check(context && EVP_PKEY_keygen_init(context.get()) == 1 && EVP_PKEY_keygen(context.get(), &key) == 1);
  return key_ptr(key);
}

/// A fresh key, and a certificate for `host` that it signs itself, valid for an hour.
identity make_identity() {
  const key_ptr key = make_key();
  const certificate_ptr certificate(X509_new());
  check(certificate != nullptr);
  X509* const x = certificate.get();
  X509_set_version(x, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
  X509_gmtime_adj(X509_getm_notBefore(x), -60);
  X509_gmtime_adj(X509_getm_notAfter(x), 3600);
  X509_NAME* const name = X509_get_subject_name(x);
  const auto* const common_name = reinterpret_cast<const unsigned char*>(host);
  check(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common_name, -1, -1, 0) == 1);
  check(X509_set_issuer_name(x, name) == 1 && X509_set_pubkey(x, key.get()) == 1);
  check(X509_sign(x, key.get(), nullptr) > 0);

  const memory_ptr key_text(BIO_new(BIO_s_mem())), certificate_text(BIO_new(BIO_s_mem()));
  check(PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  check(PEM_write_bio_X509(certificate_text.get(), x) == 1);
  return {text_of(key_text.get()), text_of(certificate_text.get())};
}

asio::awaitable<void> serve(muxpro::session& session, asio::ssl::context& context) {
  tls_stream stream(co_await session.async_accept(), context);
  co_await stream.async_handshake(tls_stream::server, asio::use_awaitable);
  std::string line;
  co_await asio::async_read_until(stream, asio::dynamic_buffer(line), '\n', asio::use_awaitable);
  fmt::print("server: {}", line);
  line = fmt::format("hello client, over {}\n", SSL_get_version(stream.native_handle()));
  co_await asio::async_write(stream, asio::buffer(line), asio::use_awaitable);
  co_await stream.async_shutdown(asio::use_awaitable);
  co_await stream.next_layer().async_shutdown();
}

asio::awaitable<void> call(muxpro::session& session, asio::ssl::context& context) {
  auto plain = co_await session.async_open({{muxpro::network::tcp, host, 443}});
  tls_stream stream(std::move(plain), context);
  stream.set_verify_callback(asio::ssl::host_name_verification(host));
  co_await stream.async_handshake(tls_stream::client, asio::use_awaitable);
  co_await asio::async_write(stream, asio::buffer("hello server\n", 13), asio::use_awaitable);
  std::string line;
  co_await asio::async_read_until(stream, asio::dynamic_buffer(line), '\n', asio::use_awaitable);
  fmt::print("client: {}", line);
  co_await stream.async_shutdown(asio::use_awaitable);
  const auto stats = stream.next_layer().stats();
  fmt::print("{} bytes of TLS went, {} came\n", stats.sent.bytes, stats.received.bytes);
  co_await stream.next_layer().async_shutdown();
  co_await session.async_drain();
  session.close();
}

void rethrow(std::exception_ptr e) {
  if (e) std::rethrow_exception(e);
}

}  // namespace

int main() try {
  const identity self = make_identity();
  asio::ssl::context server_tls(asio::ssl::context::tls_server);
  server_tls.use_certificate_chain(asio::buffer(self.certificate));
  server_tls.use_private_key(asio::buffer(self.key), asio::ssl::context::pem);
  asio::ssl::context client_tls(asio::ssl::context::tls_client);
  client_tls.add_certificate_authority(asio::buffer(self.certificate));
  client_tls.set_verify_mode(asio::ssl::verify_peer);

  asio::io_context io;
  auto [client_end, server_end] = muxpro::make_pipe(io.get_executor());
  muxpro::session client(std::move(client_end), muxpro::role::client);
  muxpro::session server(std::move(server_end), muxpro::role::server);
  client.async_run(asio::detached);
  server.async_run(asio::detached);
  asio::co_spawn(io, call(client, client_tls), rethrow);
  asio::co_spawn(io, serve(server, server_tls), rethrow);
  io.run();
} catch (const std::exception& e) {
  fmt::print(stderr, "tls_over_sub_stream: {}\n", e.what());
  return 1;
}
