#include "http_exchange.hpp"

#include "../or_error.hpp"
#include "../quiet_timer.hpp"
#include "tunnel.hpp"

#include <muxpro/proxy/http_answer.hpp>
#include <muxpro/proxy/http_body.hpp>
#include <muxpro/proxy/http_upgrade.hpp>
#include <muxpro/proxy/inbound.hpp>

#include <asio/co_spawn.hpp>
#include <asio/write.hpp>

#include <string>
#include <utility>

namespace muxpro::proxy {

namespace {

constexpr std::size_t buffer_size = 16 * 1024;

class exchange : public std::enable_shared_from_this<exchange> {
 public:
  exchange(std::shared_ptr<connection> c, inbound_link link, http_request request,
           std::vector<std::byte> early, relay_options limits)
      : c_(std::move(c)),
        link_(std::move(link)),
        request_(std::move(request)),
        early_(std::move(early)),
        limits_(limits),
        body_(request_.body),
        quiet_(c_->get_executor(), limits_.idle, [this] { give_up_target(); }),
        client_ended_(c_->get_executor()) {}

  asio::awaitable<void> run();
  void give_up_client();

 private:
  asio::awaitable<void> bring_answer();
  asio::awaitable<void> say_last_words();
  void hear_client();
  static asio::awaitable<void> bring_body(std::shared_ptr<exchange> self);
  asio::awaitable<void> pass_on(const_bytes in);
  void give_up_target();

  const std::shared_ptr<connection> c_;
  inbound_link link_;
  const http_request request_;
  std::vector<std::byte> early_;
  const relay_options limits_;

  http_body body_;
  http_upgrade upgrade_;
  bool agreed_ = false;    ///< to the upgrade
  bool answered_ = false;  ///< the client has got the first bytes of an answer
  bool complete_ = false;  ///< and all others
  std::string refusal_;    ///< what to say instead of an answer, if there is one that is better than others
  quiet_timer quiet_;
  semaphore client_ended_;
};

// Nothing of a client that asks for an upgrade goes to an upstream that has not agreed.
asio::awaitable<void> exchange::run() {
  const std::string head = http_upstream_head(request_);
  std::error_code ec;
  co_await asio::async_write(link_.stream, asio::buffer(head), or_error(ec));
  if (!request_.websocket) hear_client();
  co_await bring_answer();
  quiet_.stop();
  if (agreed_) {
    co_await tunnel(c_, link_, std::move(early_), limits_);
    co_return;
  }
  if (request_.websocket) hear_client();
  co_await say_last_words();
}

asio::awaitable<void> exchange::bring_answer() {
  std::vector<std::byte> room(buffer_size);
  std::error_code ec;
  while (!agreed_) {
    const std::size_t n = co_await link_.stream.async_read_some(asio::buffer(room), or_error(ec));
    complete_ = ec == asio::error::eof && answered_;
    if (ec) break;
    quiet_.touch();
    answered_ = true;
    const const_bytes part(room.data(), n);
    if (request_.websocket) agreed_ = upgrade_.next(part) == http_upgrade::status::agreed;
    co_await c_->write(asio::buffer(part.data(), part.size()), ec);
    if (ec) break;
  }
  if (ec && ec != asio::error::eof && !answered_ && refusal_.empty() && link_.stream.is_open()) {
    co_await link_.async_wait_for_end(or_error(ec));
    if (ec) refusal_ = http_answer_to(ec, request_.method);
  }
  if (complete_ && body_.done()) co_await link_.stream.async_shutdown(or_error(ec));
  if (!agreed_) link_.stream.close();
}

// An answer that was cut must not look like a whole one.
asio::awaitable<void> exchange::say_last_words() {
  if (answered_ && !complete_) c_->cut();
  const deadline limit(c_, farewell_limit, &connection::close);
  std::error_code ec;
  if (!answered_ && refusal_.empty())
    refusal_ = http_answer(http_status::bad_gateway, "The target ended the connection without an answer.",
                           request_.method);
  if (!answered_) co_await c_->write(asio::buffer(refusal_), ec);
  co_await c_->finish();
  co_await client_ended_.async_acquire(1, or_error(ec));
}

void exchange::hear_client() {
  const auto self = shared_from_this();
  asio::co_spawn(c_->get_executor(), bring_body(self), [self](std::exception_ptr failed) {
    if (failed) self->give_up_client();
    self->client_ended_.release();
  });
}

// What comes behind the body is dropped: the answer will end the connection.
asio::awaitable<void> exchange::bring_body(std::shared_ptr<exchange> self) {
  connection& c = *self->c_;
  co_await self->pass_on(self->early_);
  self->early_ = {};
  std::vector<std::byte> room(buffer_size);
  std::error_code ec;
  for (;;) {
    const std::size_t n = co_await c.read_some(asio::buffer(room), ec);
    if (ec) break;
    co_await self->pass_on(const_bytes(room).first(n));
  }
  if (ec == asio::error::eof && self->body_.done())
    self->quiet_.shorten(self->limits_.downlink_only);
  else
    self->give_up_client();
}

asio::awaitable<void> exchange::pass_on(const_bytes in) {
  if (body_.done() || !link_.stream.is_open()) co_return;
  const http_body::step step = body_.next(in);
  std::error_code ec;
  // An upstream that takes no more has its reasons, and says them in its answer.
  if (step.bytes > 0)
    co_await asio::async_write(link_.stream, asio::buffer(in.data(), step.bytes), or_error(ec));
  quiet_.touch();
  if (step.what != http_body::status::refused) co_return;
  refusal_ = http_answer(http_status::bad_request, step.reason, request_.method);
  link_.stream.close();
}

void exchange::give_up_target() {
  refusal_ = http_answer(http_status::gateway_timeout, {}, request_.method);
  link_.stream.close();
  if (answered_) c_->cut();
}

void exchange::give_up_client() {
  link_.stream.close();
  c_->cut();
}

}  // namespace

asio::awaitable<void> exchange_http(std::shared_ptr<connection> c, inbound_link link, http_request request,
                                    std::vector<std::byte> early, relay_options limits) {
  const auto x =
      std::make_shared<exchange>(std::move(c), std::move(link), std::move(request), std::move(early), limits);
  try {
    co_await x->run();
  } catch (...) {
    x->give_up_client();  // who hears the client would keep it
    throw;
  }
}

}  // namespace muxpro::proxy
