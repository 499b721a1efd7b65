#include <muxpro/proxy/local_addresses.hpp>
#include <muxpro/proxy/mux_server.hpp>

#include "or_error.hpp"
#include "server_session.hpp"

#include <asio/co_spawn.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include <netinet/tcp.h>

#include <stdexcept>
#include <thread>
#include <unordered_set>

namespace muxpro::proxy {

using asio::ip::tcp;

server_parts::server_parts(server_options o, log_sink sink)
    : options(std::move(o)),
      log(std::move(sink)),
      brake(options.log_lines),
      unnegotiated(std::make_shared<admission>(options.max_unnegotiated, options.max_unnegotiated_per_source)),
      nat(options.nat, options.dial, names, policy) {}

void server_parts::note(log_level level, const asio::ip::address& source, const std::string& line) {
  const auto decision = brake.ask(source, std::chrono::steady_clock::now());
  if (!decision.write) return;
  if (decision.suppressed > 0)
    log(log_level::info, fmt::format("{} lines about {} were left out", decision.suppressed, source.to_string()));
  log(level, line);
}

/// TCP_USER_TIMEOUT in milliseconds, as Asio's SettableSocketOption.
class user_timeout {
 public:
  explicit user_timeout(int milliseconds) noexcept : value_(milliseconds) {}
  template <class Protocol>
  int level(const Protocol&) const noexcept {
    return IPPROTO_TCP;
  }
  template <class Protocol>
  int name(const Protocol&) const noexcept {
    return TCP_USER_TIMEOUT;
  }
  template <class Protocol>
  const int* data(const Protocol&) const noexcept {
    return &value_;
  }
  template <class Protocol>
  std::size_t size(const Protocol&) const noexcept {
    return sizeof value_;
  }

 private:
  int value_;
};

// --- a thread and its main connections

class mux_server::shard {
 public:
  explicit shard(server_parts& parts) : parts_(parts), drain_deadline_(io_) {}
  ~shard() {
    io_.stop();
    join();
  }
  void start() {
    thread_ = std::thread([this] { io_.run(); });
  }
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  asio::io_context& io() noexcept { return io_; }

  /// On any thread.
  void take(tcp::socket socket, admission::ticket ticket) {
    asio::post(io_, [this, s = std::move(socket), t = std::move(ticket)]() mutable {
      if (!draining_) serve(std::move(s), std::move(t));
    });
  }
  /// On any thread.
  void drain() {
    asio::post(io_, [this] {
      if (std::exchange(draining_, true)) return;
      for (server_session* s : sessions_) s->drain();
      drain_deadline_.expires_after(parts_.options.drain_timeout);
      drain_deadline_.async_wait([this](std::error_code cancelled) {
        if (cancelled) return;
        for (server_session* s : sessions_) s->close();
      });
      if (sessions_.empty()) asio::co_spawn(io_, wind_up(), [](std::exception_ptr) {});
    });
  }

 private:
  void serve(tcp::socket socket, admission::ticket ticket) {
    std::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    socket.set_option(tcp::socket::keep_alive(true), ignored);
    const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(parts_.options.user_timeout).count();
    socket.set_option(user_timeout(static_cast<int>(patience)), ignored);
    const auto s = std::make_shared<server_session>(parts_, std::move(socket), std::move(ticket));
    sessions_.insert(s.get());
    asio::co_spawn(io_, s->run(), [this, s](std::exception_ptr) {
      sessions_.erase(s.get());
      if (draining_ && sessions_.empty()) asio::co_spawn(io_, wind_up(), [](std::exception_ptr) {});
    });
  }
  // The sessions are gone: what their sub-streams were connected to is told within a moment.
  asio::awaitable<void> wind_up() {
    for (int patience = 200; patience > 0 && parts_.streams > 0; --patience) {
      drain_deadline_.expires_after(std::chrono::milliseconds(5));
      std::error_code ignored;
      co_await drain_deadline_.async_wait(or_error(ignored));
    }
    io_.stop();
  }

  server_parts& parts_;
  asio::io_context io_{1};
  const asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  asio::steady_timer drain_deadline_;
  std::unordered_set<server_session*> sessions_;
  bool draining_ = false;
  std::thread thread_;
};

// --- accepting

/// Lives on the first shard's thread, and hands connections out in turns.
class mux_server::acceptor {
 public:
  acceptor(mux_server& server, asio::io_context& io, const tcp::endpoint& at)
      : parts_(*server.parts_), shards_(server.shards_), acceptor_(io, at), backoff_(io) {}
  tcp::endpoint local() const { return acceptor_.local_endpoint(); }
  void close() {
    asio::post(acceptor_.get_executor(), [this] {
      std::error_code ignored;
      acceptor_.close(ignored);
      backoff_.cancel();
    });
  }
  asio::awaitable<void> run() {
    while (acceptor_.is_open()) {
      shard& next = *shards_[turn_++ % shards_.size()];
      tcp::socket socket(next.io());
      std::error_code ec;
      co_await acceptor_.async_accept(socket, or_error(ec));
      if (ec)
        co_await rest(ec);
      else
        admit(std::move(socket), next);
    }
  }

 private:
  void admit(tcp::socket socket, shard& next) {
    std::error_code gone;
    const auto source = unmapped(socket.remote_endpoint(gone).address());
    if (gone) return;
    auto ticket = parts_.unnegotiated->enter(source);
    if (ticket) return next.take(std::move(socket), std::move(*ticket));
    parts_.note(log_level::warning, source,
                fmt::format("a connection of {} was dropped: too many have not negotiated", source.to_string()));
  }
  // A client that left while it was in the queue is no reason to rest; a lack of descriptors or memory is.
  asio::awaitable<void> rest(std::error_code why) {
    if (!acceptor_.is_open() || why == asio::error::connection_aborted) co_return;
    parts_.note(log_level::error, {}, fmt::format("cannot accept: {}", why.message()));
    backoff_.expires_after(parts_.options.accept_backoff);
    std::error_code ignored;
    co_await backoff_.async_wait(or_error(ignored));
  }

  server_parts& parts_;
  std::vector<std::unique_ptr<shard>>& shards_;
  tcp::acceptor acceptor_;
  asio::steady_timer backoff_;
  std::size_t turn_ = 0;
};

// --- the server

mux_server::mux_server(server_options options, std::size_t threads, log_sink sink) {
  if (const std::string mistake = options.validate(); !mistake.empty()) throw std::invalid_argument(mistake);
  parts_ = std::make_unique<server_parts>(std::move(options), std::move(sink));
  for (std::size_t i = 0; i < std::max<std::size_t>(threads, 1); ++i)
    shards_.push_back(std::make_unique<shard>(*parts_));
}

mux_server::~mux_server() {
  for (const auto& s : shards_) s->io().stop();
  for (const auto& s : shards_) s->join();
  parts_->names.stop();
  acceptors_.clear();
  shards_.clear();
}

tcp::endpoint mux_server::listen(const tcp::endpoint& at) {
  acceptors_.push_back(std::make_unique<acceptor>(*this, shards_.front()->io(), at));
  const tcp::endpoint local = acceptors_.back()->local();
  parts_->policy.own_listener(local, local_addresses());
  return local;
}

void mux_server::start() {
  asio::io_context& first = shards_.front()->io();
  for (const auto& a : acceptors_) asio::co_spawn(first, a->run(), [](std::exception_ptr) {});
  asio::co_spawn(first, parts_->nat.sweep(), [](std::exception_ptr) {});
  for (const auto& s : shards_) s->start();
}

void mux_server::drain() {
  for (const auto& a : acceptors_) a->close();
  for (const auto& s : shards_) s->drain();
}

void mux_server::wait() {
  for (const auto& s : shards_) s->join();
}

}  // namespace muxpro::proxy
