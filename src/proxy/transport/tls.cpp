#include "proxy/transport/tls.hpp"

#include "proxy/engine/built_in.hpp"
#include "proxy/transport/certificate.hpp"
#include "proxy/transport/tls_context.hpp"
#include "proxy/transport/tls_handshake.hpp"
#include "proxy/transport/tls_sessions.hpp"

#include <openssl/ssl.h>
#include <asio/ssl/context.hpp>

#include <algorithm>
#include <new>
#include <optional>
#include <stdexcept>
#include <utility>

namespace muxpro::proxy {

namespace {

/// The list as it is on the wire.
std::vector<unsigned char> on_the_wire(const std::vector<std::string>& protocols) {
  std::vector<unsigned char> out;
  for (const std::string& p : protocols) {
    out.push_back(static_cast<unsigned char>(p.size()));
    out.insert(out.end(), p.begin(), p.end());
  }
  return out;
}

/// What both sides have agreed on; empty: nothing.
std::string agreed_protocol(const SSL* tls) {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(tls, &name, &size);
  return name ? std::string(reinterpret_cast<const char*>(name), size) : std::string();
}

connection::greeting greeting_of(const SSL* tls) {
  const char* const name = SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name);
  return {name ? name : "", agreed_protocol(tls)};
}

bool is_address(const std::string& name) {
  std::error_code no;
  asio::ip::make_address(name, no);
  return !no;
}

}  // namespace

struct tls_transport::state {
  state(role s, tls_options o);
  void choose_verification();
  void choose_resumption();
  ssl_ptr connection() const;
  void set_up(SSL* tls) const;
  bool is_pinned(SSL* tls, const X509* shown) const;
  std::error_code judge(SSL* tls, const X509* shown) const;
  std::string user_of(const X509* shown) const;

  const role side;
  tls_options options;
  std::vector<unsigned char> protocols;
  mutable asio::ssl::context context;  // OpenSSL's part is thread-safe
  std::optional<named_certificates> by_name;
  std::shared_ptr<ocsp_stapling> stapling;

  static int choose_protocol(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in,
                             unsigned int in_size, void* self);
};

int tls_transport::state::choose_protocol(SSL*, const unsigned char** out, unsigned char* size,
                                          const unsigned char* in, unsigned int in_size, void* self) {
  const auto& s = *static_cast<const state*>(self);
  const std::vector<unsigned char>& ours = s.protocols;
  unsigned char* chosen = nullptr;
  const int found =
      SSL_select_next_proto(&chosen, size, ours.data(), static_cast<unsigned>(ours.size()), in, in_size);
  *out = chosen;
  if (found == OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_OK;
  return s.options.alpn_matters ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_NOACK;
}

tls_transport::state::state(role s, tls_options o)
    : side(s),
      options(std::move(o)),
      protocols(on_the_wire(options.alpn)),
      context(s == role::server ? asio::ssl::context::tls_server : asio::ssl::context::tls_client) {
  if (const std::string mistake = options.validate(side); !mistake.empty())
    throw std::invalid_argument(mistake);
  for (std::string& p : options.pins) p = normalized_pin(p);
  SSL_CTX* const c = context.native_handle();
  set_choices(c, options);
  read_once(options);
  load_certificates(c, side, options);
  if (!options.key_log.empty()) log_keys(c, options.key_log);
  if (side == role::server) stapling = by_name.emplace(c, options).make_stapling(options);
  choose_verification();
  choose_resumption();
  if (protocols.empty()) return;
  if (side == role::client)
    SSL_CTX_set_alpn_protos(c, protocols.data(), static_cast<unsigned>(protocols.size()));
  else
    SSL_CTX_set_alpn_select_cb(c, choose_protocol, this);
}

// A pin identifies the peer without a signature. The handshake then requests a certificate, and judge()
// checks it.
void tls_transport::state::choose_verification() {
  const bool by_authority = !options.authority.empty() || (side == role::client && options.pins.empty());
  int mode = SSL_VERIFY_NONE;
  if (side == role::client ? by_authority && options.verify : by_authority || !options.pins.empty())
    mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  const auto anybody = [](int, X509_STORE_CTX*) { return 1; };
  SSL_CTX_set_verify(context.native_handle(), mode, by_authority ? nullptr : +anybody);
}

// A client that resumes a session does not prove again that it has the key of its certificate.
void tls_transport::state::choose_resumption() {
  if (!options.resumes) return;
  if (side == role::client)
    keep_sessions(context.native_handle());
  else if (options.authority.empty() && options.pins.empty())
    give_tickets(context.native_handle());
}

ssl_ptr tls_transport::state::connection() const {
  ssl_ptr tls(SSL_new(context.native_handle()));
  if (!tls) throw std::bad_alloc();
  if (side == role::server)
    SSL_set_accept_state(tls.get());
  else
    SSL_set_connect_state(tls.get());
  set_up(tls.get());
  return tls;
}

void tls_transport::state::set_up(SSL* tls) const {
  if (side == role::server) return;
  resume_session(tls);
  if (options.name.empty()) return;
  if (is_address(options.name) && options.other_names.empty()) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), options.name.c_str());
    return;
  }
  if (!is_address(options.name)) SSL_set_tlsext_host_name(tls, options.name.c_str());
  const auto& names = options.other_names;
  SSL_set1_host(tls, names.empty() ? options.name.c_str() : names.front().c_str());
  for (std::size_t i = 1; i < names.size(); ++i) SSL_add1_host(tls, names[i].c_str());
}

// An authority may have signed certificates of others, so that it is no pin without a name.
bool tls_transport::state::is_pinned(SSL* tls, const X509* shown) const {
  const auto& pins = options.pins;
  if (std::find(pins.begin(), pins.end(), pin_of(shown)) != pins.end()) return true;
  return side == role::client && !options.name.empty() && is_signed_by_pinned(tls, pins);
}

std::error_code tls_transport::state::judge(SSL* tls, const X509* shown) const {
  if (!options.pins.empty() && !is_pinned(tls, shown)) return tls_errc::unknown_certificate;
  if (side == role::client && !protocols.empty() && agreed_protocol(tls).empty())
    return tls_errc::no_agreement;
  return {};
}

// A self-signed certificate can contain any name, so that only its pin identifies the peer.
std::string tls_transport::state::user_of(const X509* shown) const {
  if (options.authority.empty()) return pinned_user(shown);
  return vouched_user(shown);
}

tls_transport::tls_transport(role side, tls_options options)
    : state_(std::make_shared<const state>(side, std::move(options))) {}
tls_transport::~tls_transport() = default;

std::shared_ptr<const tls_transport::state> tls_transport::current() const {
  const std::lock_guard lock(change_);
  return state_;
}

void tls_transport::reload() const {
  const auto old = current();
  auto next = std::make_shared<const state>(old->side, old->options);
  const std::lock_guard lock(change_);
  state_ = std::move(next);
}

template <class Next>
asio::awaitable<std::shared_ptr<connection>> tls_transport::open_over(Next next, std::error_code& ec) const {
  const std::shared_ptr<const state> now = current();
  if (now->stapling) now->stapling->refresh(next.get_executor());
  ssl_ptr fresh = now->connection();
  SSL* const tls = fresh.get();
  const auto c =
      co_await handshake_over(std::move(next), std::move(fresh), nullptr, now->options.handshake, ec);
  const X509* const shown = SSL_get0_peer_certificate(tls);
  if (!ec) ec = now->judge(tls, shown);
  // Closed rather than cut if it failed: a reset could overtake the alert with the reason.
  if (ec) co_return nullptr;
  if (now->side == role::client) keep_session_of(tls);
  if (now->side == role::server) {
    c->set_user(now->user_of(shown));
    c->set_greeting(greeting_of(tls));
  }
  c->stream().forget_handshake();
  co_return c;
}

asio::awaitable<std::shared_ptr<connection>> tls_transport::open(std::shared_ptr<connection> below,
                                                                 std::error_code& ec) const {
  if (auto* const plain = on_socket(*below)) return open_over(std::move(plain->stream()), ec);
  return open_over(erased_stream(std::move(below)), ec);
}

namespace {

/// Those that are read again. PEM of the configuration itself is no file.
std::vector<std::string> files_of(const tls_options& o) {
  std::vector<std::string> out;
  const auto add = [&](const std::string& file) {
    if (!file.empty() && !is_inline_pem(file)) out.push_back(file);
  };
  const auto add_identity = [&](const std::string& certificate, const std::string& key, bool once) {
    if (!once) add(certificate), add(key);
  };
  add_identity(o.certificate, o.key, o.certificate_once);
  for (const tls_identity& i : o.others) add_identity(i.certificate, i.key, i.once);
  add(o.authority);
  return out;
}

transport_factory read_tls(settings& s, role side, const std::string& server) {
  const auto options = std::make_shared<tls_options>(read_tls_options(s, side, server));
  const bool asks = !options->authority.empty() || !options->pins.empty();
  transport_factory factory([side, options] { return std::make_shared<const tls_transport>(side, *options); },
                            side == role::server && asks);
  factory.files = files_of(*options);
  factory.server_name = options->name;
  factory.alpn = options->alpn;
  factory.offer = [options](const std::vector<std::string>& alpn) {
    if (options->alpn.empty()) options->alpn = alpn;
  };
  return factory;
}

}  // namespace

void add_tls(registry& to) { to.securities.add("tls", "TLS 1.3 and 1.2.", read_tls); }

}  // namespace muxpro::proxy
