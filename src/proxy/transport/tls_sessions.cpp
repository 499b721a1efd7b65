#include "proxy/transport/tls_sessions.hpp"
#include "proxy/base/deleter.hpp"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <deque>
#include <memory>
#include <mutex>
#include <utility>

namespace muxpro::proxy {

namespace {

using session_ptr = std::unique_ptr<SSL_SESSION, deleter<SSL_SESSION_free>>;

/// Whether its server's certificate has.
bool has_expired(SSL_SESSION* s) noexcept {
  const X509* const shown = SSL_SESSION_get0_peer(s);
  return shown && X509_cmp_current_time(X509_get0_notAfter(shown)) < 0;
}

/// Any thread.
class kept_sessions {
 public:
  void keep(session_ptr s) {
    const std::lock_guard lock(mutex_);
    if (all_.size() == most) all_.pop_front();
    all_.push_back(std::move(s));
  }
  /// The last one. Null if there is none.
  session_ptr take() noexcept {
    const std::lock_guard lock(mutex_);
    while (!all_.empty()) {
      session_ptr out = std::move(all_.back());
      all_.pop_back();
      if (!has_expired(out.get())) return out;
    }
    return nullptr;
  }

 private:
  static constexpr std::size_t most = 64;

  std::mutex mutex_;
  std::deque<session_ptr> all_;
};

int place_of_sessions() {
  static const int index = SSL_CTX_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* all, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<kept_sessions*>(all); });
  return index;
}

kept_sessions* sessions_of(const SSL* tls) noexcept {
  return static_cast<kept_sessions*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(tls), place_of_sessions()));
}

// OpenSSL gives its own object up if the connection ends without close_notify. A copy lasts.
void keep_copy(const SSL* tls, SSL_SESSION* s) noexcept try {
  kept_sessions* const all = sessions_of(tls);
  session_ptr copy(all && s && SSL_SESSION_is_resumable(s) == 1 ? SSL_SESSION_dup(s) : nullptr);
  if (copy) all->keep(std::move(copy));
} catch (...) {  // without memory there is no session to resume
}

// OpenSSL calls this for each ticket. Those of TLS 1.2 come before the server is accepted.
int keep_ticket(SSL* tls, SSL_SESSION* s) noexcept {
  if (SSL_version(tls) >= TLS1_3_VERSION) keep_copy(tls, s);
  return 0;  // OpenSSL frees its object
}

}  // namespace

void give_tickets(SSL_CTX* server) {
  constexpr std::size_t tickets = 2;
  constexpr unsigned char name[] = "muxpro";
  SSL_CTX_clear_options(server, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(server, tickets);
  SSL_CTX_set_session_id_context(server, name, sizeof name - 1);
}

void keep_sessions(SSL_CTX* client) {
  auto all = std::make_unique<kept_sessions>();
  if (SSL_CTX_set_ex_data(client, place_of_sessions(), all.get()) != 1) return;
  all.release();
  SSL_CTX_clear_options(client, SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(client, keep_ticket);
}

void keep_session_of(const SSL* client) {
  if (SSL_version(client) < TLS1_3_VERSION) keep_copy(client, SSL_get_session(client));
}

void resume_session(SSL* client) {
  kept_sessions* const all = sessions_of(client);
  if (!all) return;
  if (const session_ptr last = all->take()) SSL_set_session(client, last.get());
}

}  // namespace muxpro::proxy
