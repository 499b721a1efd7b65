#include <muxpro/proxy/inbounds/status.hpp>
#include <muxpro/proxy/instance.hpp>
#include <muxpro/proxy/local_addresses.hpp>
#include <muxpro/proxy/mux_server.hpp>
#include <muxpro/timer.hpp>

#include "or_error.hpp"
#include "server_session.hpp"
#include "survey.hpp"

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <stdexcept>
#include <unordered_set>

namespace muxpro::proxy {

using asio::ip::tcp;

server_parts::server_parts(server_options o, log_sink sink)
    : options(std::move(o)),
      log(std::move(sink)),
      events(log, options.log_lines),
      access(log, options.log_lines),
      odd_ends(log, options.log_lines),
      unnegotiated(
          std::make_shared<admission>(options.max_unnegotiated, options.max_unnegotiated_per_source)),
      nat(options.nat, options.dial, names, policy) {}

namespace {
constexpr const char* inbound_tag = "server";
}  // namespace

// --- a thread's main connections

class mux_server::shard {
 public:
  shard(server_parts& parts, asio::io_context& io)
      : parts_(parts), io_(io), drain_deadline_(io_.get_executor()) {}

  void take(accepted_client client, std::shared_ptr<const transport> over) {
    if (draining_) return;
    ++live_;
    auto opened = [this, p = std::move(client.seat)](std::exception_ptr,
                                                     std::shared_ptr<server_session> s) mutable {
      if (s)
        run(std::move(s), std::move(p));
      else
        one_less();
    };
    try {
      asio::co_spawn(io_,
                     open(std::move(client.socket), client.source, std::move(client.place), std::move(over)),
                     std::move(opened));
    } catch (...) {
      one_less();
      throw;
    }
  }
  instance_report describe() {
    instance_report r;
    auto& all = r.inbounds[inbound_tag].main_connections;
    for (server_session* s : sessions_) all.push_back(s->describe());
    return r;
  }
  /// On any thread.
  void drain() {
    asio::post(io_, [this] {
      if (std::exchange(draining_, true)) return;
      close_at_deadline();
      for (server_session* s : sessions_) s->drain();
      end_if_done();
    });
  }

 private:
  asio::awaitable<std::shared_ptr<server_session>> open(stream_socket socket, tcp::endpoint peer,
                                                        admission::ticket ticket,
                                                        std::shared_ptr<const transport> over) {
    std::error_code ec;
    const std::shared_ptr<connection> c = co_await over->open(std::move(socket), ec);
    if (ec) {
      const auto& source = peer.address();
      parts_.events.note(log_level::info, source,
                         fmt::format("no connection with {}: {}", shown_source(source), ec.message()));
      co_return nullptr;
    }
    session main = c->into_session(role::server, parts_.options.session);
    co_return std::make_shared<server_session>(parts_, std::move(main), peer, c->user(), std::move(ticket));
  }
  void run(std::shared_ptr<server_session> s, workers::seat seat) {
    auto ended = [this, s, p = std::move(seat)](std::exception_ptr) { forget(*s); };
    try {
      sessions_.insert(s.get());
      if (draining_) s->drain();
      asio::co_spawn(io_, s->run_and_report(), std::move(ended));
    } catch (...) {
      s->close();
      forget(*s);
      throw;
    }
  }
  void forget(server_session& s) {
    sessions_.erase(&s);
    one_less();
  }
  void one_less() {
    --live_;
    end_if_done();
  }
  void end_if_done() {
    if (!draining_ || live_ > 0) return;
    try {
      asio::co_spawn(io_, wind_up(), [this](std::exception_ptr) { io_.stop(); });
    } catch (...) {
      io_.stop();
    }
  }
  // First of all: what is thrown later in a drain delays its end then, and does not prevent it.
  void close_at_deadline() {
    drain_deadline_.expires_after(parts_.options.drain_timeout);
    drain_deadline_.async_wait([this](std::error_code cancelled) {
      if (cancelled) return;
      stop_in(std::chrono::seconds(1));  // one whose transport is not ready yet is no session to close
      for (server_session* s : sessions_) s->close();
    });
  }
  void stop_in(duration d) {
    drain_deadline_.expires_after(d);
    drain_deadline_.async_wait([this](std::error_code cancelled) {
      if (!cancelled) io_.stop();
    });
  }
  // The sessions are gone: what their sub-streams were connected to is told within a moment.
  asio::awaitable<void> wind_up() {
    for (int patience = 200; patience > 0 && parts_.streams > 0; --patience) {
      drain_deadline_.expires_after(std::chrono::milliseconds(5));
      std::error_code ignored;
      co_await drain_deadline_.async_wait(or_error(ignored));
    }
  }

  server_parts& parts_;
  asio::io_context& io_;
  counted_timer drain_deadline_;
  std::unordered_set<server_session*> sessions_;
  std::size_t live_ = 0;  ///< with those whose transport is not ready yet
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

// Who asks for reports ends before those who are asked.
mux_server::~mux_server() {
  if (status_) status_->stop();
  workers_->stop();
  parts_->names.stop();
  listeners_.clear();
  shards_.clear();
}

stream_endpoint mux_server::listen_for_status(const stream_endpoint& at) {
  auto none = [](dispatcher&, asio::io_context&) {};
  status_ = std::make_unique<instance>(instance_options(), 1, none, parts_->log);
  auto ask = [this](std::size_t) { return report(); };
  const auto local = status_->listen(at, "status", std::make_shared<status_inbound>(std::move(ask)));
  if (!is_unix(local)) parts_->policy.own_listener(to_tcp(local), local_addresses());
  return local;
}

asio::awaitable<instance_report> mux_server::report() {
  auto all = survey(*workers_, [this](std::size_t thread) { return shards_[thread]->describe(); });
  instance_report r = co_await std::move(all);
  const server_parts& p = *parts_;
  r.live = p.streams;
  r.datagrams = p.nat.counts();
  r.inbounds[inbound_tag].ever = p.sessions_ever;
  r.counters.push_back({stats::kind::inbound, inbound_tag, p.up, p.down, p.streams_ever, r.live});
  co_return r;
}

stream_endpoint mux_server::listen(const stream_endpoint& at, transport_use how) {
  auto take = [this, over = how.over ? how.over : plain_transport()](accepted_client c) {
    shard& thread = *shards_[c.seat.worker()];
    thread.take(std::move(c), over);
  };
  auto note = [this](log_level level, const asio::ip::address& source, const std::string& line) {
    parts_->events.note(level, source, line);
  };
  listener_options options;
  options.socket = how.socket;
  options.socket.user_timeout = parts_->options.user_timeout;
  if (how.socket.keep_alive_idle == duration(0))
    options.socket.keep_alive_idle = lasting_socket().keep_alive_idle;
  options.backoff = parts_->options.accept_backoff;
  listeners_.push_back(std::make_unique<listener>(*workers_, at, options, parts_->unnegotiated,
                                                  std::move(take), std::move(note)));
  const stream_endpoint local = listeners_.back()->local();
  if (!is_unix(local)) parts_->policy.own_listener(to_tcp(local), local_addresses());
  return local;
}

void mux_server::start() {
  for (const auto& l : listeners_) l->start();
  asio::co_spawn((*workers_)[0], parts_->nat.sweep(), [](std::exception_ptr) {});
  if (status_) status_->start();
  workers_->start();
}

void mux_server::drain() {
  for (const auto& l : listeners_) l->close();
  for (const auto& s : shards_) s->drain();
}

void mux_server::wait() { workers_->join(); }

}  // namespace muxpro::proxy
