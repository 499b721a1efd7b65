#include <muxpro/proxy/local_addresses.hpp>
#include <muxpro/proxy/mux_server.hpp>

#include "or_error.hpp"
#include "server_session.hpp"

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include <netinet/tcp.h>

#include <stdexcept>
#include <unordered_set>

namespace muxpro::proxy {

using asio::ip::tcp;

server_parts::server_parts(server_options o, log_sink sink)
    : options(std::move(o)),
      log(std::move(sink)),
      brake(options.log_lines),
      unnegotiated(
          std::make_shared<admission>(options.max_unnegotiated, options.max_unnegotiated_per_source)),
      nat(options.nat, options.dial, names, policy) {}

void server_parts::note(log_level level, const asio::ip::address& source, const std::string& line) {
  const auto decision = brake.ask(source, std::chrono::steady_clock::now());
  if (!decision.write) return;
  if (decision.suppressed > 0)
    log(log_level::info,
        fmt::format("{} lines about {} were left out", decision.suppressed, source.to_string()));
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

// --- a thread's main connections

class mux_server::shard {
 public:
  shard(server_parts& parts, asio::io_context& io) : parts_(parts), io_(io), drain_deadline_(io_) {}

  void take(tcp::socket socket, admission::ticket ticket) {
    if (!draining_) serve(std::move(socket), std::move(ticket));
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
    const auto patience =
        std::chrono::duration_cast<std::chrono::milliseconds>(parts_.options.user_timeout).count();
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
  asio::io_context& io_;
  asio::steady_timer drain_deadline_;
  std::unordered_set<server_session*> sessions_;
  bool draining_ = false;
};

// --- the server

mux_server::mux_server(server_options options, std::size_t threads, log_sink sink) {
  if (const std::string mistake = options.validate(); !mistake.empty()) throw std::invalid_argument(mistake);
  parts_ = std::make_unique<server_parts>(std::move(options), std::move(sink));
  workers_ = std::make_unique<workers>(threads);
  for (std::size_t i = 0; i < workers_->size(); ++i)
    shards_.push_back(std::make_unique<shard>(*parts_, (*workers_)[i]));
}

mux_server::~mux_server() {
  workers_->stop();
  parts_->names.stop();
  listeners_.clear();
  shards_.clear();
}

tcp::endpoint mux_server::listen(const tcp::endpoint& at) {
  auto take = [this](std::size_t worker, tcp::socket s, admission::ticket t) {
    shards_[worker]->take(std::move(s), std::move(t));
  };
  auto note = [this](log_level level, const asio::ip::address& source, const std::string& line) {
    parts_->note(level, source, line);
  };
  listeners_.push_back(std::make_unique<listener>(*workers_, at, parts_->unnegotiated,
                                                  parts_->options.accept_backoff, take, note));
  const tcp::endpoint local = listeners_.back()->local();
  parts_->policy.own_listener(local, local_addresses());
  return local;
}

void mux_server::start() {
  for (const auto& l : listeners_) l->start();
  asio::co_spawn((*workers_)[0], parts_->nat.sweep(), [](std::exception_ptr) {});
  workers_->start();
}

void mux_server::drain() {
  for (const auto& l : listeners_) l->close();
  for (const auto& s : shards_) s->drain();
}

void mux_server::wait() { workers_->join(); }

}  // namespace muxpro::proxy
