#include "proxy/net/wall_clock.hpp"
#include "proxy/transport/entropy_tape.hpp"
#include "proxy/transport/reality.hpp"
#include "proxy/transport/tls.hpp"
#include "proxy/transport/tls_handshake.hpp"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <stdexcept>
#include <utility>
#include <vector>

namespace muxpro::proxy {

namespace {

struct free_context {
  void operator()(SSL_CTX* c) const noexcept { SSL_CTX_free(c); }
};
/// What one handshake needs, and what it has found.
struct reality_handshake {
  entropy_tape tape;
  key_bytes key{};
  bool proven = false;
};

bool has_proof(const X509* shown, const key_bytes& key) {
  EVP_PKEY* const public_key = X509_get0_pubkey(shown);
  if (!public_key || EVP_PKEY_get_id(public_key) != EVP_PKEY_ED25519) return false;
  std::array<unsigned char, 32> ed25519{};
  std::size_t size = ed25519.size();
  if (EVP_PKEY_get_raw_public_key(public_key, ed25519.data(), &size) != 1) return false;
  const ASN1_BIT_STRING* signature = nullptr;
  X509_get0_signature(&signature, nullptr, shown);
  const auto proof = certificate_proof(key, std::as_bytes(std::span(ed25519)));
  return ASN1_STRING_length(signature) == static_cast<int>(proof.size()) &&
         CRYPTO_memcmp(ASN1_STRING_get0_data(signature), proof.data(), proof.size()) == 0;
}

// Without the proof it has to be the site itself, or somebody else has answered.
int verify(X509_STORE_CTX* store, void*) {
  auto* const tls =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto& how = *static_cast<reality_handshake*>(SSL_get_app_data(tls));
  const X509* const shown = X509_STORE_CTX_get0_cert(store);
  how.proven = shown && has_proof(shown, how.key);
  return how.proven ? 1 : X509_verify_cert(store);
}

/// The ClientHello that `tls` would send with the draws of the tape, which remembers them.
std::vector<std::byte> try_hello(SSL* tls, entropy_tape& tape) {
  BIO *const nothing = BIO_new(BIO_s_mem()), *const sent = BIO_new(BIO_s_mem());
  SSL_set_bio(tls, nothing, sent);
  if (!nothing || !sent) throw std::bad_alloc();
  {
    const entropy_tape::use remembers(tape, entropy_tape::use::mode::record);
    SSL_do_handshake(tls);
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(sent, &data);
  const auto* const first = reinterpret_cast<const std::byte*>(data);
  return {first, first + std::max(size, 0L)};
}

/// The draw of which the key share was made. Null: none.
const entropy_tape::draw* find_key(std::vector<entropy_tape::draw>& draws, const_bytes share) {
  for (const entropy_tape::draw& d : draws) {
    key_bytes key{};
    if (d.size() != key.size()) continue;
    std::copy_n(reinterpret_cast<const std::byte*>(d.data()), key.size(), key.begin());
    const key_bytes made = x25519_public(key);
    if (std::equal(made.begin(), made.end(), share.begin(), share.end())) return &d;
  }
  return nullptr;
}

}  // namespace

struct reality_client::state {
  explicit state(reality_client_options o);
  ssl_ptr connection() const;
  std::shared_ptr<reality_handshake> prepare() const;

  const reality_client_options options;
  const std::unique_ptr<SSL_CTX, free_context> context;
};

reality_client::state::state(reality_client_options o)
    : options(std::move(o)), context(SSL_CTX_new_ex(tape_library(), nullptr, TLS_client_method())) {
  if (!context) throw std::runtime_error("OpenSSL cannot make a client of REALITY");
  SSL_CTX* const c = context.get();
  SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION);
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_default_verify_paths(c);
  SSL_CTX_set_verify(c, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(c, verify, nullptr);
  // As browsers have it. Servers of REALITY agree to none.
  constexpr unsigned char protocols[] = "\x02h2\x08http/1.1";
  SSL_CTX_set_alpn_protos(c, protocols, sizeof protocols - 1);
}

ssl_ptr reality_client::state::connection() const {
  ssl_ptr tls(SSL_new(context.get()));
  if (!tls) throw std::bad_alloc();
  SSL_set_connect_state(tls.get());
  SSL_set_tlsext_host_name(tls.get(), options.name.c_str());
  SSL_set1_host(tls.get(), options.name.c_str());
  return tls;
}

// The same draws make the same ClientHello. Only the session id is another one the second time.
std::shared_ptr<reality_handshake> reality_client::state::prepare() const {
  auto out = std::make_shared<reality_handshake>();
  const std::vector<std::byte> wire = try_hello(connection().get(), out->tape);
  const received_hello received = read_received_hello(wire);
  const auto hello = parse_reality_hello(received.message);
  auto& draws = out->tape.draws();
  const auto id = std::find_if(draws.begin(), draws.end(), [&](const entropy_tape::draw& d) {
    return hello && std::ranges::equal(std::as_bytes(std::span(d)), hello->session_id);
  });
  const auto* const key = hello ? find_key(draws, hello->x25519) : nullptr;
  if (id == draws.end() || !key || hello->session_id.size() != session_id_size)
    throw std::runtime_error("OpenSSL draws its random numbers in a way that muxpro does not understand");
  key_bytes secret{};
  std::copy_n(reinterpret_cast<const std::byte*>(key->data()), secret.size(), secret.begin());
  const auto derived = auth_key(secret, options.server_key, hello->random);
  OPENSSL_cleanse(secret.data(), secret.size());
  if (!derived) throw std::runtime_error("the publicKey of the REALITY server makes no secret");
  out->key = *derived;
  const reality_claim claim{options.version,
                            static_cast<std::uint32_t>(wall_clock().time_since_epoch().count()), options.id};
  const session_id sealed = seal_session_id(out->key, hello->random, hello->without_session_id, claim);
  std::copy_n(reinterpret_cast<const unsigned char*>(sealed.data()), sealed.size(), id->begin());
  return out;
}

reality_client::reality_client(reality_client_options options)
    : state_(std::make_unique<const state>(std::move(options))) {}
reality_client::~reality_client() = default;

template <class Next>
asio::awaitable<std::shared_ptr<connection>> reality_client::open_over(Next next, std::error_code& ec) const {
  const std::shared_ptr<reality_handshake> how = state_->prepare();
  ssl_ptr tls = state_->connection();
  SSL_set_app_data(tls.get(), how.get());
  auto extras = std::make_unique<tls_extras>();
  extras->handshake = [how](SSL* s) {
    const entropy_tape::use plays(how->tape, entropy_tape::use::mode::replay);
    return SSL_do_handshake(s);
  };
  const auto c = co_await handshake_over(std::move(next), std::move(tls), std::move(extras),
                                         state_->options.handshake, ec);
  if (!ec && !how->proven) ec = tls_errc::site_itself;
  if (ec) co_return nullptr;
  co_return c;
}

asio::awaitable<std::shared_ptr<connection>> reality_client::open(std::shared_ptr<connection> below,
                                                                  std::error_code& ec) const {
  if (auto* const plain = on_socket(*below)) return open_over(std::move(plain->stream()), ec);
  return open_over(erased_stream(std::move(below)), ec);
}

}  // namespace muxpro::proxy
