#include "proxy/inbound/http_exchange_state.hpp"

#include "proxy/http/answer.hpp"
#include "proxy/net/or_error.hpp"

#include <asio/write.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace muxpro::proxy {

namespace {

/// By its method, and because all of it is still there (RFC 9110 section 9.2.2).
bool may_be_repeated(const http_request& r) {
  constexpr std::array<std::string_view, 5> idempotent{"GET", "HEAD", "OPTIONS", "PUT", "DELETE"};
  return std::find(idempotent.begin(), idempotent.end(), r.method) != idempotent.end() &&
         r.body.what != http_framing::kind::chunked && r.body.length == 0 && r.upgrade.empty();
}

/// All by which rules and targets may distinguish two exchanges.
std::string key_of(const context& ctx) {
  return fmt::format("{} {}:{} {}:{} {} {}:{} {} {}", ctx.outbound.target, ctx.inbound.tag.size(),
                     ctx.inbound.tag, ctx.inbound.user.name.size(), ctx.inbound.user.name,
                     ctx.inbound.source.to_string(), ctx.outbound.tag.size(), ctx.outbound.tag,
                     ctx.outbound.priority.value_or(0), ctx.inbound.carrier);
}

}  // namespace

asio::awaitable<bool> http_exchange::run() {
  co_await route();
  if (!outcome_) co_await reach_target();
  if (!refusal_.empty()) co_return co_await refuse();
  const ending how = co_await ask_target();
  if (how == ending::upgraded) co_return co_await tunnel_on();
  quiet_.stop();
  if (how == ending::none) co_await learn_why_not();
  co_await leave_target();
  co_await stop_body();
  note_end({});
  if (client_gone_) co_return false;
  if (how == ending::cut) c_->cut();  // an answer that was cut must not look like a whole one
  if (how == ending::none) co_return co_await refuse();
  if (how == ending::complete && closes_) co_await end_after_answer(c_, client_->input);
  co_return how == ending::complete && !closes_;
}

// Asks once more if a kept link turns out to be dead. Then the target has not seen the request, or may see it
// twice (RFC 9110 section 9.2.2). Other requests use no link that was kept.
asio::awaitable<http_exchange::ending> http_exchange::ask_target() {
  for (;;) {
    co_await send_head();
    read_client();
    const ending how = co_await bring_answer();
    const bool dead = how == ending::none && used_before_ && answer_->is_silent() && refusal_.empty();
    if (!dead || client_gone_ || !may_be_repeated(request_)) co_return how;
    co_await open_link();
    if (!refusal_.empty()) co_return ending::none;
  }
}

asio::awaitable<void> http_exchange::route() {
  try {
    co_await to_.route(ctx_);
  } catch (const std::system_error& e) {
    outcome_ = e.code();
  } catch (...) {
    outcome_ = errc::out_of_room;
  }
  key_ = key_of(ctx_);
  counted_ = to_.count(ctx_, bytes_);
  if (outcome_) refusal_ = http_answer_to(outcome_, request_.method);
}

asio::awaitable<void> http_exchange::reach_target() {
  if (request_.keeps) {
    auto kept = co_await find_kept();
    used_before_ = kept.has_value();
    if (kept) use(*std::move(kept));
  }
  if (!used_before_) co_await open_link();
}

asio::awaitable<std::optional<kept_link>> http_exchange::find_kept() {
  kept_links& all = *to_.kept();
  return may_be_repeated(request_) ? all.take(key_, client_->id) : all.take_own(key_, client_->id);
}

asio::awaitable<void> http_exchange::open_link() {
  used_before_ = false;
  use(kept_link(to_.open(ctx_)));
  if (!link_->is_target_known(outcome_)) co_await link_->async_wait_for_target(or_error(outcome_));
  if (outcome_ && refusal_.empty()) refusal_ = http_answer_to(outcome_, request_.method);
}

void http_exchange::use(kept_link link) {
  answer_.reset();
  link_.reset();
  link_.emplace(std::move(link.link));
  owner_only_ = link.owner_only;
  answer_.emplace(link_->stream, request_.method, client_->head, bytes_);
}

// A target that takes no more has its reasons, and gives them in its answer.
asio::awaitable<void> http_exchange::send_head() {
  const bool keeps = request_.keeps && !client_->draining;
  const std::string head = http_upstream_head(request_, keeps ? http_upstream::keeps : http_upstream::closes);
  std::error_code ec;
  bytes_->a_to_b += co_await asio::async_write(link_->stream, asio::buffer(head), or_error(ec));
  sent_ = !ec && body_.done();
}

// Ends in good order if all has been sent, because the target must not take its connection for a cut one.
asio::awaitable<void> http_exchange::leave_target() {
  if (keeps_link()) {
    kept_link kept(*std::move(link_));
    kept.owner_only = owner_only_;
    to_.kept()->put(key_, client_->id, std::move(kept));
    co_return;
  }
  std::error_code ec;
  if (sent_ && answering_) co_await link_->stream.async_shutdown(or_error(ec));
  link_->stream.close();
}

bool http_exchange::keeps_link() const {
  return complete_ && sent_ && origin_keeps_ && request_.keeps && request_.upgrade.empty() && !client_gone_ &&
         !client_->draining && answer_->unread().empty() && link_->stream.available() == 0;
}

asio::awaitable<void> http_exchange::relay_on() {
  relay_options limits = client_->limits;
  limits.progress = bytes_;
  limits.early_of_a = input_.take();
  any_stream_over<pipe_end> far(link_->stream);
  std::error_code ec;
  co_await async_relay(c_->stream_to_relay(), far, std::move(limits), or_error(ec));
  // What the client has sent may be on its way still, behind the pipe.
  if (ec) co_await link_->async_wait_for_end(or_error(ec));
}

asio::awaitable<bool> http_exchange::refuse() {
  note_end({});
  std::error_code ec;
  co_await c_->write(asio::buffer(refusal_), ec);
  if (ec)
    c_->cut();
  else
    co_await end_after_answer(c_, client_->input);
  co_return false;
}

// Bytes of the target behind its 101 go first. The client must finish a body that is still under way.
asio::awaitable<bool> http_exchange::tunnel_on() {
  co_await body_ended_.async_acquire(1);
  quiet_.stop();
  if (client_gone_ || !link_->stream.is_open()) co_return false;
  const const_bytes first = answer_->unread();
  std::error_code ec;
  if (!first.empty()) co_await c_->write(asio::buffer(first.data(), first.size()), ec);
  if (ec)
    c_->cut();
  else
    co_await relay_on();
  co_return false;
}

void http_exchange::note_end(std::error_code why) {
  if (!counted_) return;
  connection_result how;
  how.why = outcome_ ? outcome_ : why;
  to_.end(*counted_, how);
  counted_.reset();
}

void http_exchange::give_up_target() {
  outcome_ = asio::error::timed_out;
  if (refusal_.empty()) refusal_ = http_answer(http_status::gateway_timeout, {}, request_.method);
  if (link_) link_->stream.close();
  if (answering_) c_->cut();
}

void http_exchange::give_up_client() {
  client_gone_ = true;
  if (!outcome_) outcome_ = asio::error::connection_reset;
  if (link_) link_->stream.close();
  c_->cut();
}

asio::awaitable<bool> exchange_http(std::shared_ptr<http_client> client, context ctx, dispatcher& to,
                                    http_request request) {
  const auto x = std::make_shared<http_exchange>(std::move(client), std::move(ctx), to, std::move(request));
  std::exception_ptr failed;
  try {
    const bool more = co_await x->run();
    x->note_end({});
    co_return more;
  } catch (...) {
    failed = std::current_exception();
  }
  x->give_up_client();  // the coroutine that brings the body would keep it
  x->note_end(end_code::resources);
  std::rethrow_exception(failed);
}

}  // namespace muxpro::proxy
