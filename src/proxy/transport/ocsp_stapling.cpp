#include "proxy/transport/ocsp_stapling.hpp"

#include "proxy/net/read_more.hpp"
#include "proxy/net/wall_clock.hpp"
#include "proxy/transport/http1_exchange.hpp"

#include <muxpro/proxy/transport_dialer.hpp>

#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <asio/co_spawn.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace muxpro::proxy {

namespace {

constexpr duration ocsp_limit = std::chrono::seconds(10), ocsp_again = std::chrono::minutes(5);
/// Answers have 500 to 3,000 bytes.
constexpr std::size_t longest_ocsp_answer = 65'536;

http_request request_for(const ocsp_question& q) {
  http_request r;
  r.method = "POST";
  r.path = q.path();
  const host_port at{address(q.host()), q.port()};
  r.fields = {{"Host", to_string(at)}, {"Content-Type", "application/ocsp-request"}};
  r.body = {http_framing::kind::length, q.body().size()};
  return r;
}

asio::awaitable<std::vector<std::byte>> ask_responder(const ocsp_question& q, std::error_code& ec) {
  std::vector<std::byte> answer;
  const address host(q.host());
  if (!host.valid()) ec = asio::error::host_not_found;
  if (ec) co_return answer;
  const auto dialer =
      std::make_shared<transport_dialer>(stream_address(host_port{host, q.port()}), transport_options());
  auto c = co_await dialer->dial(ec);
  if (ec) co_return answer;
  const deadline late(c, ocsp_limit);
  const auto exchange = http1_exchange::asking(c, request_for(q), false, {});
  co_await exchange->begin(ec);
  co_await exchange->write(asio::buffer(q.body()), ec);
  co_await exchange->finish();
  while (!ec && answer.size() < longest_ocsp_answer) {
    constexpr std::size_t piece = 4096;
    co_await read_more(*exchange, answer, piece, ec);
  }
  if (ec == asio::error::eof) ec.clear();
  c->close();
  co_return answer;
}

}  // namespace

void ocsp_stapling::add(X509* about, X509* issuer, duration every) {
  ocsp_question question(about, issuer);
  X509_up_ref(about);
  all_.push_back({std::shared_ptr<X509>(about, X509_free), std::move(question), every});
}

void ocsp_stapling::attach(SSL_CTX* server) {
  SSL_CTX_set_tlsext_status_cb(server, show);
  SSL_CTX_set_tlsext_status_arg(server, this);
}

std::vector<ocsp_stapling::entry*> ocsp_stapling::take_due() {
  std::vector<entry*> out;
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  for (entry& e : all_) {
    if (now < e.due || e.asking) continue;
    out.push_back(&e);
    e.asking = true;
    e.due = now + std::min(e.every, ocsp_again);
  }
  return out;
}

void ocsp_stapling::refresh(const asio::any_io_executor& executor) {
  for (entry* const e : take_due())
    asio::co_spawn(executor, ask(shared_from_this(), *e), [self = shared_from_this(), e](std::exception_ptr) {
      const std::lock_guard lock(self->mutex_);
      e->asking = false;
    });
}

asio::awaitable<void> ocsp_stapling::ask(std::shared_ptr<ocsp_stapling> self, entry& of) {
  std::error_code ec;
  std::vector<std::byte> answer = co_await ask_responder(of.question, ec);
  if (!ec) self->take(of, std::move(answer));
}

void ocsp_stapling::take(entry& of, std::vector<std::byte> answer) try {
  const std::time_t now = wall_clock().time_since_epoch().count();
  const std::time_t until = of.question.valid_until(answer, now);
  const duration half = std::chrono::seconds((until - now) / 2);
  const std::lock_guard lock(mutex_);
  of.answer = std::move(answer);
  of.until = until;
  of.due = std::chrono::steady_clock::now() + std::min(of.every, std::max(ocsp_again, half));
} catch (const std::runtime_error&) {  // due again soon
}

int ocsp_stapling::show(SSL* tls, void* self) {
  auto& s = *static_cast<ocsp_stapling*>(self);
  const X509* const own = SSL_get_certificate(tls);
  const std::lock_guard lock(s.mutex_);
  const auto e =
      std::find_if(s.all_.begin(), s.all_.end(), [own](const entry& x) { return x.about.get() == own; });
  if (e == s.all_.end() || e->until <= wall_clock().time_since_epoch().count()) return SSL_TLSEXT_ERR_NOACK;
  void* const copy = OPENSSL_memdup(e->answer.data(), e->answer.size());
  if (!copy) return SSL_TLSEXT_ERR_NOACK;
  SSL_set_tlsext_status_ocsp_resp(tls, copy, static_cast<int>(e->answer.size()));
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace muxpro::proxy
