#include "main_connection.hpp"

#include "or_error.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>

#include <utility>

namespace muxpro::proxy {

main_connection::main_connection(session s, admission::ticket place, dial_limits dials)
    : session_(std::move(s)),
      place_(std::move(place)),
      dials_(session_.get_executor(), dials.pending),
      max_waiting_(dials.waiting) {}

asio::awaitable<std::error_code> main_connection::run() {
  const auto self = shared_from_this();
  std::error_code ec;
  co_await session_.async_handshake(or_error(ec));
  place_.release();
  if (ec) co_return ec;
  asio::co_spawn(session_.get_executor(), accept_streams(self), [](std::exception_ptr) {});
  co_await session_.async_run(or_error(ec));
  co_return ec;
}

void main_connection::drain() {
  asio::co_spawn(session_.get_executor(), drain_and_close(shared_from_this()), [](std::exception_ptr) {});
}

asio::awaitable<void> main_connection::drain_and_close(std::shared_ptr<main_connection> self) {
  std::error_code ignored;
  co_await self->session_.async_drain(or_error(ignored));
  self->session_.close();
}

asio::awaitable<void> main_connection::accept_streams(std::shared_ptr<main_connection> self) {
  for (;;) {
    std::error_code ec;
    sub_stream stream = co_await self->session_.async_accept(or_error(ec));
    if (ec) co_return;
    try {
      // The handler keeps *this until the coroutine has ended.
      asio::co_spawn(self->session_.get_executor(), self->carry(std::move(stream)),
                     [self](std::exception_ptr) {});
    } catch (...) {
      // Out of memory for this sub-stream, which is reset: the next one may find some.
    }
  }
}

asio::awaitable<std::optional<main_connection::dial_place>> main_connection::wait_for_turn(
    std::shared_ptr<asio::cancellation_signal> given_up, std::error_code& ec) {
  if (dials_.available() == 0 && waiting_ >= max_waiting_) {
    ec = end_code::resources;
    co_return std::nullopt;
  }
  ++waiting_;
  co_await dials_.async_acquire(1, asio::bind_cancellation_slot(given_up->slot(), or_error(ec)));
  --waiting_;
  if (ec) co_return std::nullopt;
  co_return dial_place(dials_);
}

cut_watch::cut_watch(sub_stream& s, std::function<void(std::error_code)> call)
    : state_(std::make_shared<state>()) {
  state_->call = std::move(call);
  auto on_cut = [state = state_](std::error_code why) {
    if (state->call) state->call(why);
  };
  s.async_wait_cut(asio::bind_cancellation_slot(state_->over.slot(), std::move(on_cut)));
}

cut_watch::~cut_watch() {
  state_->call = nullptr;
  state_->over.emit(asio::cancellation_type::terminal);
}

}  // namespace muxpro::proxy
