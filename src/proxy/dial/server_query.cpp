#include "proxy/dial/server_query.hpp"

#include "proxy/dial/server_link.hpp"

#include <openssl/rand.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/dispatch.hpp>
#include <asio/post.hpp>

#include <stdexcept>
#include <utility>
#include <vector>

namespace muxpro::proxy {

namespace {

/// So that queries for names of about the same length look alike (RFC 8467 section 4.1).
constexpr std::size_t padded_block = 128;

std::uint16_t random_id() {
  std::uint16_t id = 0;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(&id), sizeof id) != 1)
    throw std::runtime_error("OpenSSL has no random numbers");
  return id;
}

std::vector<dns_question> questions_about(const std::string& name, const dns_server_options& s,
                                          name_families wanted) {
  std::vector<dns_question> all;
  const bool https = s.transport == dns_transport::https;
  const auto add = [&](dns_type type) {
    dns_question q;
    q.name = name;
    q.type = type;
    q.id = https ? std::uint16_t{0} : random_id();  // RFC 8484 section 4.1
    q.client = s.client;
    if (https && s.tls) q.block = padded_block;
    all.push_back(std::move(q));
  };
  if (wanted.ipv4) add(dns_type::a);
  if (wanted.ipv6) add(dns_type::aaaa);
  return all;
}

}  // namespace

server_query::server_query(std::shared_ptr<shared_names> known, std::size_t server, const std::string& name,
                           name_families wanted, asio::any_io_executor executor, event happened)
    : name_query(std::move(happened)),
      known_(std::move(known)),
      server_(server),
      executor_(std::move(executor)),
      exchange_(std::make_shared<dns_exchange>(questions_about(name, known_->server(server), wanted))),
      timer_(executor_) {}

void server_query::start() {
  if (exchange_->done()) return process(-1, -1);  // the families have no question
  running_ = true;
  auto ended = [self = self()](std::exception_ptr) {
    self->running_ = false;
    self->timer_.cancel();
    self->happened(-1, -1);
  };
  watch_time();
  asio::co_spawn(executor_, run(self()), asio::bind_cancellation_slot(stop_.slot(), std::move(ended)));
}

void server_query::watch_time() {
  timer_.expires_after(known_->server(server_).timeout);
  timer_.async_wait([self = self()](std::error_code cancelled) {
    if (!cancelled) self->stop();
  });
}

void server_query::process(int, int) {
  finished_ = true;
  answer_ = exchange_->answer();
  ttl_ = exchange_->ttl();
}

void server_query::stop() {
  if (running_) stop_.emit(asio::cancellation_type::terminal);
}

void server_query::close() noexcept {
  finished_ = true;
  if (!running_) return;
  try {
    asio::dispatch(executor_, [self = self()] {
      self->timer_.cancel();
      self->stop();
    });
  } catch (...) {
    // It ends by its time.
  }
}

asio::awaitable<void> server_query::run(std::shared_ptr<server_query>) {
  co_await asio::post(executor_, asio::use_awaitable);
  server_link link(known_, server_, executor_);
  std::error_code ec;
  switch (known_->server(server_).transport) {
    case dns_transport::udp: co_await link.ask_by_datagrams(exchange_, ec); break;
    case dns_transport::tcp: co_await link.ask_by_stream(exchange_, ec); break;
    case dns_transport::https: co_await link.ask_by_https(exchange_, ec); break;
    case dns_transport::system:
    case dns_transport::fakes: break;
  }
}

}  // namespace muxpro::proxy
