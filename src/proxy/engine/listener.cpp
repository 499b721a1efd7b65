#include "proxy/base/addresses.hpp"

#include "proxy/engine/listener.hpp"
#include "proxy/net/or_error.hpp"
#include "proxy/net/unique_fd.hpp"
#include "proxy/net/unix_socket_file.hpp"

#include <asio/co_spawn.hpp>
#include <asio/dispatch.hpp>

#include <fmt/format.h>

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <utility>

namespace muxpro::proxy {

using asio::ip::tcp;

listener::listener(workers& threads, const stream_endpoint& at, const listener_options& options,
                   std::shared_ptr<admission> admit, accept_handler take, log_line_function note)
    : workers_(threads),
      admit_(std::move(admit)),
      take_(std::make_shared<const accept_handler>(std::move(take))),
      note_(std::move(note)),
      options_(options),
      protocol_(at.protocol()),
      acceptor_(threads[0]),
      pause_(threads[0].get_executor()) {
  listen(at);
}

listener::~listener() = default;

void listener::assign_new_socket(const stream_endpoint& at) {
  unique_fd made(make_tcp_socket(at.protocol().family(), options_.socket));
  if (!made) throw std::system_error(errno, std::system_category());
  acceptor_.assign(at.protocol(), made.get());
  made.release();
}

void listener::listen(const stream_endpoint& at) {
  const std::string path = socket_file(at);
  if (!path.empty()) remove_stale_socket(path);
  if (!is_unix(at))
    assign_new_socket(at);
  else
    acceptor_.open(at.protocol());
  if (path.empty()) acceptor_.set_option(asio::socket_base::reuse_address(true));
  set_listening_options(acceptor_.native_handle(), options_.socket);
  {
    const creation_mode permissions(path.empty() ? std::nullopt : options_.socket.file_mode);
    acceptor_.bind(at);
  }
  // What it accepts has inherited these.
  socket_options inherited = options_.socket;
  inherited.fast_open = false;  // is for the side that connects
  set_options(acceptor_.native_handle(), inherited);
  acceptor_.listen();
  acceptor_.non_blocking(true);
  if (!path.empty()) file_ = std::make_unique<unix_socket_file>(path);
}

void listener::start() {
  asio::co_spawn(acceptor_.get_executor(), run(shared_from_this()), [](std::exception_ptr) {});
}

void listener::close() {
  asio::dispatch(acceptor_.get_executor(), [self = shared_from_this()] {
    std::error_code ignored;
    self->acceptor_.close(ignored);
    self->pause_.cancel();
  });
}

// An exception costs a connection or a line of the log, because a listener that ended would accept no more.
asio::awaitable<void> listener::run([[maybe_unused]] std::shared_ptr<listener> self) {
  bool back_off = false;
  while (acceptor_.is_open()) {
    try {
      if (std::exchange(back_off, false)) co_await rest();
      const std::error_code ec = co_await accept_one();
      back_off = must_rest(ec);
    } catch (...) {
      back_off = true;
    }
  }
}

// The thread with the fewest connections is chosen after the wait, because the numbers change meanwhile.
asio::awaitable<std::error_code> listener::accept_one() {
  std::error_code ec;
  co_await acceptor_.async_wait(acceptor_.wait_read, or_error(ec));
  if (ec) co_return ec;
  workers::slot slot = workers_.take_slot(options_.lead);
  stream_endpoint source;
  auto size = static_cast<socklen_t>(source.capacity());
  unique_fd client(::accept(acceptor_.native_handle(), source.data(), &size));
  if (!client) co_return std::error_code(errno, asio::error::get_system_category());
  source.resize(std::min<std::size_t>(size, source.capacity()));
  hand_over(std::move(slot), std::move(client), to_tcp(source));
  co_return ec;
}

void listener::hand_over(workers::slot slot, unique_fd client, const tcp::endpoint& from) {
  const auto source = unwrapped(from.address());
  auto ticket = admit_->enter(options_.proxied ? asio::ip::address() : source);
  if (!ticket) {
    note_(log_level::warning, source,
          fmt::format("a connection of {} was dropped: too many have not negotiated", source.to_string()));
    return;
  }
  asio::io_context& thread = workers_[slot.worker()];
  asio::dispatch(thread, [take = take_, protocol = protocol_, &thread, from, p = std::move(slot),
                          c = std::move(client), t = std::move(*ticket)]() mutable {
    stream_socket socket(thread);
    socket.assign(protocol, c.get());
    c.release();
    (*take)({std::move(p), std::move(socket), from, std::move(t)});
  });
}

// A client that left while it was in the queue is no reason to rest. A lack of descriptors or memory is.
bool listener::must_rest(std::error_code why) {
  const bool left = why == asio::error::connection_aborted || why == asio::error::would_block ||
                    why == std::error_code(EPROTO, asio::error::get_system_category());
  if (!why || left || !acceptor_.is_open()) return false;
  note_(log_level::error, {}, fmt::format("cannot accept: {}", why.message()));
  return true;
}

asio::awaitable<void> listener::rest() {
  pause_.expires_after(options_.backoff);
  std::error_code ignored;
  co_await pause_.async_wait(or_error(ignored));
}

}  // namespace muxpro::proxy
