#include "proxy/transport/tls_sessions.hpp"

#include <openssl/ssl.h>

#include <deque>
#include <memory>
#include <mutex>
#include <utility>

namespace muxpro::proxy {

namespace {

struct free_session {
  void operator()(SSL_SESSION* s) const noexcept { SSL_SESSION_free(s); }
};
using session_ptr = std::unique_ptr<SSL_SESSION, free_session>;

/// Any thread.
class kept_sessions {
 public:
  void keep(session_ptr s) {
    const std::lock_guard lock(mutex_);
    if (all_.size() == most) all_.pop_front();
    all_.push_back(std::move(s));
  }
  /// The last one, which stays if it is of TLS 1.2: a server gives no further ticket then. Null: there is
  /// none.
  session_ptr take() noexcept {
    const std::lock_guard lock(mutex_);
    if (all_.empty()) return nullptr;
    if (SSL_SESSION_get_protocol_version(all_.back().get()) < TLS1_3_VERSION)
      return session_ptr(SSL_SESSION_dup(all_.back().get()));
    session_ptr out = std::move(all_.back());
    all_.pop_back();
    return out;
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

// OpenSSL calls this for each ticket. 0: the session stays OpenSSL's, which gives it up if the connection
// ends without close_notify. A copy lasts.
int keep_session(SSL* tls, SSL_SESSION* s) noexcept try {
  kept_sessions* const all = sessions_of(tls);
  session_ptr copy(all && SSL_SESSION_is_resumable(s) == 1 ? SSL_SESSION_dup(s) : nullptr);
  if (copy) all->keep(std::move(copy));
  return 0;
} catch (...) {  // without memory there is no session to resume
  return 0;
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
  SSL_CTX_sess_set_new_cb(client, keep_session);
}

void resume_session(SSL* client) {
  kept_sessions* const all = sessions_of(client);
  if (!all) return;
  if (const session_ptr last = all->take()) SSL_set_session(client, last.get());
}

}  // namespace muxpro::proxy
