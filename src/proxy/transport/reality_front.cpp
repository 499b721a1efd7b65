#include "proxy/transport/reality_front.hpp"

#include "proxy/net/or_error.hpp"
#include "proxy/net/read_more.hpp"

#include <asio/co_spawn.hpp>

#include <exception>

namespace muxpro::proxy {

namespace {

/// More than any answer to a ClientHello that can be imitated.
constexpr std::size_t most_answered = 64 * 1024;
constexpr std::size_t most_received = max_reality_hello + 1024;
/// Bytes of one read.
constexpr std::size_t front_piece = 4096;

}  // namespace

// --- the target's side

asio::awaitable<void> reality_front::watch_target(std::shared_ptr<reality_front> self) {
  std::error_code ec;
  while (!ec && !self->stopping_ && self->answered_.size() < most_answered) {
    co_await read_more(*self->target_, self->answered_, front_piece, ec, self->stop_target_.slot());
    if (ec == asio::error::operation_aborted && self->stopping_) break;
    self->target_came_ = true;
    self->end_of_wait();
    if (ec || read_target_flight(self->answered_).what != target_flight::status::need_more)
      self->flight_.set({});
  }
  if (ec != asio::error::eof && ec != asio::error::operation_aborted) self->target_failed_ = ec;
}

void reality_front::begin_to_watch() {
  asio::co_spawn(client_->get_executor(), watch_target(shared_from_this()),
                 [self = shared_from_this()](std::exception_ptr) {
                   self->flight_.set({});
                   self->watched_.set({});
                 });
}

asio::awaitable<target_flight> reality_front::read_flight(duration limit) {
  counted_timer late(client_->get_executor(), limit);
  late.async_wait([weak = weak_from_this()](std::error_code cancelled) {
    const auto self = weak.lock();
    if (!cancelled && self) self->flight_.set({});
  });
  std::error_code ignored;
  co_await flight_.async_wait(client_->get_executor(), or_error(ignored));
  co_return read_target_flight(answered_);
}

asio::awaitable<std::vector<std::byte>> reality_front::stop(std::error_code& ec) {
  stopping_ = true;
  stop_target_.emit(asio::cancellation_type::terminal);
  std::error_code ignored;
  co_await watched_.async_wait(client_->get_executor(), or_error(ignored));
  ec = target_failed_;
  co_return std::move(answered_);
}

// --- the client's side

void reality_front::end_of_wait() {
  must_decide_ = true;
  stop_client_.emit(asio::cancellation_type::terminal);
}

asio::awaitable<void> reality_front::read_client(asio::cancellation_slot stop, std::error_code& ec) {
  const std::size_t had = received_.size();
  co_await read_more(*client_, received_, front_piece, ec, stop);
  if (ec) co_return;
  co_await target_->write(asio::buffer(received_) + had, ec);
}

asio::awaitable<received_hello> reality_front::read_hello(duration limit, std::error_code& ec) {
  begin_to_watch();
  counted_timer late(client_->get_executor(), limit);
  late.async_wait([weak = weak_from_this()](std::error_code cancelled) {
    const auto self = weak.lock();
    if (!cancelled && self) self->end_of_wait();
  });
  received_hello hello;
  while (hello.what == received_hello::status::need_more) {
    if (!must_decide_ && received_.size() < most_received)
      co_await read_client(stop_client_.slot(), ec);
    else
      ec = asio::error::operation_aborted;
    hello = read_received_hello(received_);
    if (!ec) continue;
    if (ec == asio::error::eof || (ec == asio::error::operation_aborted && must_decide_)) ec.clear();
    if (hello.what == received_hello::status::need_more) hello.what = received_hello::status::none;
  }
  co_return hello;
}

}  // namespace muxpro::proxy
