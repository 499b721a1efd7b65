#include <muxpro/proxy/dial_policy.hpp>
#include <muxpro/proxy/listener.hpp>

#include "or_error.hpp"

#include <asio/co_spawn.hpp>
#include <asio/post.hpp>

#include <fmt/format.h>

#include <utility>

namespace muxpro::proxy {

using asio::ip::tcp;

listener::listener(workers& threads, const tcp::endpoint& at, std::shared_ptr<admission> admit,
                   duration backoff, taker take, noter note)
    : workers_(threads),
      admit_(std::move(admit)),
      backoff_(backoff),
      take_(std::move(take)),
      note_(std::move(note)),
      acceptor_(threads[0], at),
      pause_(threads[0]) {}

void listener::start() {
  asio::co_spawn(acceptor_.get_executor(), run(), [](std::exception_ptr) {});
}

void listener::close() {
  asio::post(acceptor_.get_executor(), [this] {
    std::error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
  });
}

asio::awaitable<void> listener::run() {
  for (std::size_t next = 0; acceptor_.is_open(); next = (next + 1) % workers_.size()) {
    tcp::socket socket(workers_[next]);
    std::error_code ec;
    co_await acceptor_.async_accept(socket, or_error(ec));
    if (ec)
      co_await rest(ec);
    else
      hand_over(next, std::move(socket));
  }
}

void listener::hand_over(std::size_t worker, tcp::socket socket) {
  std::error_code gone;
  const auto source = unmapped(socket.remote_endpoint(gone).address());
  if (gone) return;
  auto ticket = admit_->enter(source);
  if (!ticket) {
    note_(log_level::warning, source,
          fmt::format("a connection of {} was dropped: too many have not negotiated", source.to_string()));
    return;
  }
  asio::post(workers_[worker], [this, worker, s = std::move(socket), t = std::move(*ticket)]() mutable {
    take_(worker, std::move(s), std::move(t));
  });
}

// A client that left while it was in the queue is no reason to rest; a lack of descriptors or memory is.
asio::awaitable<void> listener::rest(std::error_code why) {
  if (!acceptor_.is_open() || why == asio::error::connection_aborted) co_return;
  note_(log_level::error, {}, fmt::format("cannot accept: {}", why.message()));
  pause_.expires_after(backoff_);
  std::error_code ignored;
  co_await pause_.async_wait(or_error(ignored));
}

}  // namespace muxpro::proxy
