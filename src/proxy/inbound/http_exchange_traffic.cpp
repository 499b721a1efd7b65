#include "proxy/base/text.hpp"
#include "proxy/http/answer.hpp"
#include "proxy/inbound/http_exchange_state.hpp"
#include "proxy/net/or_error.hpp"

#include <asio/co_spawn.hpp>
#include <asio/write.hpp>

#include <algorithm>
#include <span>
#include <string_view>

namespace muxpro::proxy {

namespace {

constexpr std::size_t piece = 16 * 1024;
constexpr std::size_t glance = 1024;  ///< of a client that is not sending at present

/// NTLM and Negotiate authenticate the connection, not the request (RFC 4559).
bool authenticates_connection(const http_request& r) {
  return std::any_of(r.fields.begin(), r.fields.end(), [](const http_field& f) {
    const std::string_view scheme = std::string_view(f.value).substr(0, f.value.find(' '));
    return is_name(f.name, "authorization") && (is_name(scheme, "ntlm") || is_name(scheme, "negotiate"));
  });
}

}  // namespace

asio::awaitable<http_exchange::ending> http_exchange::bring_answer() {
  for (;;) {
    const auto found = co_await answer_->read_head();
    quiet_.touch();
    if (found == http_answer_reader::head::refused) outcome_ = errc::bad_answer;
    if (found == http_answer_reader::head::refused)
      refusal_ = http_answer(http_status::bad_gateway, answer_->reason(), request_.method);
    if (found != http_answer_reader::head::complete) co_return ending::none;
    http_response r = answer_->take();
    if (!r.is_interim()) co_return co_await pass_on(std::move(r));
    co_await pass_interim(r);
  }
}

// An HTTP/1.0 client does not expect interim answers (RFC 9110 section 15.2).
asio::awaitable<void> http_exchange::pass_interim(const http_response& r) {
  if (!request_.version_1_1) co_return;
  const std::string head = http_client_head(r, {});
  std::error_code ec;
  co_await c_->write(asio::buffer(head), ec);
  if (ec) give_up_client();
}

asio::awaitable<http_exchange::ending> http_exchange::pass_on(http_response r) {
  if (r.status == 101 && request_.upgrade.empty()) {
    refusal_ = http_answer(http_status::bad_gateway, "The target changes the protocol without a request.",
                           request_.method);
    co_return ending::none;
  }
  http_client_form form;
  form.version_1_1 = request_.version_1_1;
  closes_ = r.status != 101 && (!request_.keeps || !body_.done() || client_->draining ||
                                r.body.what == http_framing::kind::until_close || form.dechunks(r.body));
  form.closes = closes_;
  answering_ = true;
  origin_keeps_ = r.keeps;
  owner_only_ = owner_only_ || r.authenticates_connection || authenticates_connection(request_);
  std::string head = http_client_head(r, form);
  if (r.status != 101) co_return co_await pass_body(http_body(r.body), form, std::move(head));
  std::error_code ec;
  co_await c_->write(asio::buffer(head), ec);
  if (ec) give_up_client();
  co_return ec ? ending::cut : ending::upgraded;
}

asio::awaitable<http_exchange::ending> http_exchange::pass_body(http_body body, http_client_form form,
                                                                std::string head) {
  std::error_code ec;
  while (!ec) {
    const_bytes part = answer_->take_body(body, form);
    if (!head.empty()) {
      head.append(reinterpret_cast<const char*>(part.data()), part.size());
      part = std::as_bytes(std::span(head));
    }
    if (!part.empty()) co_await c_->write(asio::buffer(part.data(), part.size()), ec);
    std::string().swap(head);
    if (ec) give_up_client();
    if (answer_->is_malformed()) outcome_ = errc::bad_answer;
    if (ec || answer_->is_malformed()) co_return ending::cut;
    complete_ = body.done();
    if (complete_) co_return ending::complete;
    ec = co_await answer_->receive();
    quiet_.touch();
  }
  complete_ = answer_->ends_with(ec);
  if (!complete_) outcome_ = ec == asio::error::eof ? asio::error::connection_reset : ec;
  co_return complete_ ? ending::complete : ending::cut;
}

asio::awaitable<void> http_exchange::learn_why_not() {
  if (client_gone_ || !refusal_.empty()) co_return;
  std::error_code ec;
  if (answer_->end() != asio::error::eof) co_await link_->async_wait_for_end(or_error(ec));
  outcome_ = ec ? ec : asio::error::connection_reset;
  refusal_ = ec ? http_answer_to(ec, request_.method)
                : http_answer(http_status::bad_gateway, "The target ended the connection without an answer.",
                              request_.method);
}

void http_exchange::read_client() {
  if (std::exchange(reads_client_, true)) return;
  const auto self = shared_from_this();
  asio::co_spawn(c_->get_executor(), bring_body(self), [self](std::exception_ptr failed) {
    if (failed) self->give_up_client();
    self->body_ended_.release();
  });
}

// Behind the body one read waits for the client's end. It stops at what may be the next request, and where
// the connection may become a tunnel.
asio::awaitable<void> http_exchange::bring_body(std::shared_ptr<http_exchange> self) {
  http_input& in = self->input_;
  while (!self->finished_) {
    const bool more = !self->body_.done();
    if (!more && (!self->request_.upgrade.empty() || !in.unread().empty())) co_return;
    if (more && !in.unread().empty()) {
      co_await self->send_body();
      if (!self->refusal_.empty()) co_return;
    } else if (in.end()) {
      co_return self->client_has_ended();
    } else {
      in.read_more(more ? piece : glance);
      co_await in.wait();
    }
  }
}

asio::awaitable<void> http_exchange::send_body() {
  const const_bytes in = input_.unread();
  const http_body::step step = body_.next(in);
  std::error_code ec;
  if (step.bytes > 0)
    bytes_->a_to_b +=
        co_await asio::async_write(link_->stream, asio::buffer(in.data(), step.bytes), or_error(ec));
  input_.consume(step.bytes);
  sent_ = body_.done() && !ec;
  quiet_.touch();
  if (step.what != http_body::status::refused) co_return;
  refusal_ = http_answer(http_status::bad_request, step.reason, request_.method);
  link_->stream.close();
}

void http_exchange::client_has_ended() {
  if (input_.end() == asio::error::eof && body_.done())
    quiet_.shorten(client_->limits.downlink_only);
  else
    give_up_client();
}

asio::awaitable<void> http_exchange::stop_body() {
  finished_ = true;
  input_.wake();
  std::error_code ec;
  co_await body_ended_.async_acquire(1, or_error(ec));
}

}  // namespace muxpro::proxy
