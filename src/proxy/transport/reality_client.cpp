#include "proxy/base/deleter.hpp"
#include "proxy/net/wall_clock.hpp"
#include "proxy/transport/entropy_tape.hpp"
#include "proxy/transport/reality.hpp"
#include "proxy/transport/tls.hpp"
#include "proxy/transport/tls_context.hpp"
#include "proxy/transport/tls_handshake.hpp"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
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

// Without the proof the peer has to be the site itself, else another host has answered.
int verify(X509_STORE_CTX* store, void*) {
  auto* const tls =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto& how = *static_cast<reality_handshake*>(SSL_get_app_data(tls));
  const X509* const shown = X509_STORE_CTX_get0_cert(store);
  how.proven = shown && has_proof(shown, how.key);
  return how.proven ? 1 : X509_verify_cert(store);
}

/// The ClientHello that `tls` would send, which records the draws of the tape or replays them.
std::vector<std::byte> try_hello(SSL* tls, entropy_tape& tape, entropy_tape::use::mode mode) {
  BIO *const nothing = BIO_new(BIO_s_mem()), *const sent = BIO_new(BIO_s_mem());
  SSL_set_bio(tls, nothing, sent);
  if (!nothing || !sent) throw std::bad_alloc();
  {
    const entropy_tape::use uses(tape, mode);
    SSL_do_handshake(tls);
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(sent, &data);
  const auto* const first = reinterpret_cast<const std::byte*>(data);
  return {first, first + std::max(size, 0L)};
}

key_bytes key_of(const entropy_tape::draw& d) {
  key_bytes out{};
  std::copy_n(reinterpret_cast<const std::byte*>(d.data()), out.size(), out.begin());
  return out;
}

/// What a ClientHello has in a place, and the number of the draw that makes it.
struct drawn_part {
  std::size_t draw = 0, at = 0;
};

/// The ClientHello that OpenSSL sends, and what it draws for that. Other draws of the same sizes make the
/// same message but for its random, its session id and its key share.
class hello_form {
 public:
  /// Both connections are new ones of the same context. Throws std::runtime_error if OpenSSL makes a
  /// ClientHello in another way.
  hello_form(SSL* tls, SSL* other);
  /// With other draws, and the session id that they and `options` make.
  std::shared_ptr<reality_handshake> fill(const reality_client_options& options) const;

 private:
  using draws = std::vector<entropy_tape::draw>;
  template <class Makes>
  drawn_part find(const_bytes part, const draws& all, Makes makes) const;
  void draw(entropy_tape& to) const;
  std::vector<std::byte> message(const draws& all, const x25519_key& own) const;

  std::vector<std::byte> message_;
  std::vector<std::size_t> sizes_;  ///< of the draws
  drawn_part random_, id_, share_;
};

[[noreturn]] void refuse_library() {
  throw std::runtime_error("OpenSSL makes its ClientHello in a way that muxpro does not understand");
}

/// `part` is in message_, and has 32 bytes as the draw.
template <class Makes>
drawn_part hello_form::find(const_bytes part, const draws& all, Makes makes) const {
  for (std::size_t n = 0; n < all.size(); ++n)
    if (all[n].size() == 32 && std::ranges::equal(makes(all[n]), part))
      return {n, static_cast<std::size_t>(part.data() - message_.data())};
  refuse_library();
}

hello_form::hello_form(SSL* tls, SSL* other) {
  entropy_tape tape;
  message_ = read_received_hello(try_hello(tls, tape, entropy_tape::use::mode::record)).message;
  const auto hello = parse_reality_hello(message_);
  if (!hello) refuse_library();
  const auto public_of = [](const entropy_tape::draw& d) { return x25519_key(key_of(d)).public_key(); };
  for (const entropy_tape::draw& d : tape.draws()) sizes_.push_back(d.size());
  random_ = find(hello->random, tape.draws(), key_of);
  id_ = find(hello->session_id, tape.draws(), key_of);
  share_ = find(hello->x25519, tape.draws(), public_of);

  // A part that depends on a draw in another way, such as a second key share, shows here.
  entropy_tape second;
  draw(second);
  const auto expected = message(second.draws(), x25519_key(key_of(second.draws()[share_.draw])));
  const auto sent = try_hello(other, second, entropy_tape::use::mode::replay);
  if (read_received_hello(sent).message != expected) refuse_library();
}

void hello_form::draw(entropy_tape& to) const {
  for (const std::size_t size : sizes_) {
    entropy_tape::draw& drawn = to.draws().emplace_back(size);
    if (RAND_priv_bytes(drawn.data(), static_cast<int>(size)) != 1)
      throw std::runtime_error("OpenSSL has no random numbers");
  }
}

std::vector<std::byte> hello_form::message(const draws& all, const x25519_key& own) const {
  std::vector<std::byte> out = message_;
  const auto put = [&out](const drawn_part& at, const key_bytes& part) {
    std::ranges::copy(part, out.begin() + static_cast<std::ptrdiff_t>(at.at));
  };
  put(random_, key_of(all[random_.draw]));
  put(id_, key_of(all[id_.draw]));
  put(share_, own.public_key());
  return out;
}

std::shared_ptr<reality_handshake> hello_form::fill(const reality_client_options& options) const {
  auto out = std::make_shared<reality_handshake>();
  draw(out->tape);
  auto& all = out->tape.draws();
  key_bytes secret = key_of(all[share_.draw]);
  const x25519_key own(secret);
  OPENSSL_cleanse(secret.data(), secret.size());
  const key_bytes random = key_of(all[random_.draw]);
  const auto key = auth_key(own, options.server_key, random);
  if (!key) throw std::runtime_error("the publicKey of the REALITY server makes no secret");
  out->key = *key;

  const reality_claim claim{options.version,
                            static_cast<std::uint32_t>(wall_clock().time_since_epoch().count()), options.id};
  std::ranges::fill(all[id_.draw], static_cast<unsigned char>(0));
  const session_id sealed = seal_session_id(out->key, random, message(all, own), claim);
  std::ranges::copy(sealed, reinterpret_cast<std::byte*>(all[id_.draw].data()));
  return out;
}

}  // namespace

struct reality_client::state {
  explicit state(reality_client_options o);
  ssl_ptr connection() const;

  const reality_client_options options;
  const std::unique_ptr<SSL_CTX, deleter<SSL_CTX_free>> context;
  const hello_form form;
};

namespace {

std::unique_ptr<SSL_CTX, deleter<SSL_CTX_free>> make_context(const std::string& key_log) {
  std::unique_ptr<SSL_CTX, deleter<SSL_CTX_free>> context(
      SSL_CTX_new_ex(tape_library(), nullptr, TLS_client_method()));
  if (!context) throw std::runtime_error("OpenSSL cannot make a client of REALITY");
  SSL_CTX* const c = context.get();
  SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION);
  SSL_CTX_set_ciphersuites(c, suites_of_tls13);
  // The list of OpenSSL 3.0, which has one key share. Later versions send one of ML-KEM, too.
  SSL_CTX_set1_groups_list(c,
                           "X25519:P-256:X448:P-521:P-384:ffdhe2048:ffdhe3072:ffdhe4096:ffdhe6144:ffdhe8192");
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_default_verify_paths(c);
  SSL_CTX_set_verify(c, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(c, verify, nullptr);
  // As browsers have it. Servers of REALITY agree to none.
  constexpr unsigned char protocols[] = "\x02h2\x08http/1.1";
  SSL_CTX_set_alpn_protos(c, protocols, sizeof protocols - 1);
  share_secrets(c);
  if (!key_log.empty()) log_keys(c, key_log);
  return context;
}

}  // namespace

reality_client::state::state(reality_client_options o)
    : options(std::move(o)),
      context(make_context(options.key_log)),
      form(connection().get(), connection().get()) {}

ssl_ptr reality_client::state::connection() const {
  ssl_ptr tls(SSL_new(context.get()));
  if (!tls) throw std::bad_alloc();
  SSL_set_connect_state(tls.get());
  SSL_set_tlsext_host_name(tls.get(), options.name.c_str());
  SSL_set1_host(tls.get(), options.name.c_str());
  return tls;
}

reality_client::reality_client(reality_client_options options)
    : state_(std::make_unique<const state>(std::move(options))) {}
reality_client::~reality_client() = default;

template <class Next>
asio::awaitable<std::shared_ptr<connection>> reality_client::open_over(Next next, std::error_code& ec) const {
  const std::shared_ptr<reality_handshake> how = state_->form.fill(state_->options);
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
  c->stream().forget_handshake();
  co_return c;
}

asio::awaitable<std::shared_ptr<connection>> reality_client::open(std::shared_ptr<connection> below,
                                                                  std::error_code& ec) const {
  if (auto* const plain = on_socket(*below)) return open_over(std::move(plain->stream()), ec);
  return open_over(erased_stream(std::move(below)), ec);
}

}  // namespace muxpro::proxy
