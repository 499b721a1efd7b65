#include <muxpro/proxy/dial_policy.hpp>
#include <muxpro/proxy/instance.hpp>
#include <muxpro/timer.hpp>

#include "datagram_listener.hpp"
#include "routing/addresses.hpp"
#include "survey.hpp"

#include <asio/co_spawn.hpp>
#include <asio/post.hpp>

#include <fmt/format.h>

#include <unordered_map>
#include <utility>
#include <vector>

namespace muxpro::proxy {

using asio::ip::tcp;
using asio::ip::udp;

std::string ended_connection::line() const {
  const context& c = about;
  const std::string stream = how.sub_stream ? fmt::format(" sub-stream {}", how.sub_stream) : "";
  const std::string content = c.content.protocol.empty() ? "" : fmt::format(" ({})", c.content.protocol);
  const std::string user = c.inbound.user.empty() ? "" : " user " + one_word(c.inbound.user);
  const double seconds = std::chrono::duration<double>(took).count();
  const std::string port = c.inbound.source_port ? fmt::format(":{}", c.inbound.source_port) : "";
  return fmt::format("{} {}{} {}{} -> {}{} via {}{}: {} bytes up, {} down, {:.3f} s, {}", c.id,
                     shown_source(c.inbound.source), port, c.inbound.tag, user, c.outbound.target, content,
                     c.outbound.tag, stream, how.up, how.down, seconds, how.why ? how.why.message() : "done");
}

/// What waits for connections behind a listener.
struct instance::entrance {
  entrance(std::string t, std::shared_ptr<const inbound> i, transport_use how,
           std::shared_ptr<const sniff_policy> s, std::size_t link)
      : tag(std::move(t)),
        serves(std::move(i)),
        over(how.over ? std::move(how.over) : plain_transport()),
        sniffing(std::move(s)),
        link_capacity(link) {}
  const std::string tag;
  const std::shared_ptr<const inbound> serves;
  const std::shared_ptr<const transport> over;
  const bool plain = over == plain_transport();  ///< there is no handshake to wait for
  const std::shared_ptr<const sniff_policy> sniffing;
  const std::size_t link_capacity;
};

/// A thread's connections.
class instance::lane {
 public:
  lane(instance& whole, asio::io_context& io)
      : whole_(whole), io_(io), to_(io.get_executor()), deadline_(io.get_executor()) {
    to_.count_in(whole.counts_);
    to_.observe_by([&whole](const context& c, const carried& how, duration took) {
      whole.note_access({c, how, took});
    });
  }
  dispatcher& outbounds() noexcept { return to_; }

  /// Any thread.
  void change(std::function<void(dispatcher&)> change) {
    asio::post(io_, [this, change = std::move(change)] { change(to_); });
  }
  instance_report describe(std::size_t connections) {
    instance_report r;
    const auto now = std::chrono::steady_clock::now();
    to_.each_live([&](const live_connection& c) {
      ++r.live;
      if (r.connections.size() == connections) return;
      r.connections.push_back(
          {c.about, c.up(), c.down(), std::chrono::duration<double>(now - c.begun).count()});
    });
    for (const auto& [tag, o] : to_.outbounds()) r.outbounds[tag] = {o->live(), o->main_connections()};
    return r;
  }

  void take(accepted_client client, std::shared_ptr<const entrance> way) {
    if (draining_) return;
    context known = context_of(client, *way);
    const std::uint32_t id = known.id;
    std::shared_ptr<connection> c;
    if (way->plain) c = std::make_shared<connection_over<stream_socket>>(std::move(client.socket));
    open_.emplace(id, c);
    try {
      asio::awaitable<void> served =
          c ? way->serves->serve(c, std::move(known), to_, std::move(client.place))
            : open_and_serve(way, std::move(client.socket), std::move(known), std::move(client.place));
      asio::co_spawn(io_, std::move(served),
                     [this, id, way, seat = std::move(client.seat)](std::exception_ptr) {
                       open_.erase(id);
                       if (draining_) end_if_done();
                     });
    } catch (...) {
      open_.erase(id);
      throw;
    }
  }

  udp::endpoint listen(const udp::endpoint& at, std::string tag, std::shared_ptr<const inbound> i,
                       bool transparent, std::shared_ptr<const sniff_policy> sniffing) {
    datagrams_.push_back(std::make_shared<datagram_listener>(
        io_, at, std::move(tag), std::move(i), to_,
        datagram_listener_options{whole_.options_.datagram_sources, whole_.options_.datagram_idle,
                                  transparent, std::move(sniffing)}));
    datagrams_.back()->start();
    return datagrams_.back()->local();
  }

  /// Any thread.
  void drain() {
    asio::post(io_, [this] {
      if (std::exchange(draining_, true)) return;
      cut_at_deadline();
      for (const auto& d : datagrams_) d->close();
      for (const auto& [id, c] : open_)
        if (c) c->drain();
      end_if_done();
    });
  }

 private:
  static context context_of(const accepted_client& client, const entrance& way) {
    std::error_code gone;
    const tcp::endpoint gateway = to_tcp(client.socket.local_endpoint(gone));
    context known;
    known.id = context::new_id();
    known.inbound.tag = way.tag;
    known.content.sniffing = way.sniffing;
    known.inbound.link_capacity = way.link_capacity;
    known.inbound.source = unmapped(client.source.address());
    known.inbound.source_port = client.source.port();
    known.inbound.gateway = unwrapped(gateway.address());
    known.inbound.gateway_port = gateway.port();
    return known;
  }
  asio::awaitable<void> open_and_serve(std::shared_ptr<const entrance> way, stream_socket socket,
                                       context known, admission::ticket place) {
    std::error_code ec;
    std::shared_ptr<connection> c = co_await way->over->open(std::move(socket), ec);
    if (ec) {
      const auto& source = known.inbound.source;
      whole_.events_.note(
          log_level::info, source,
          fmt::format("{} {} {}: no connection: {}", known.id, shown_source(source), way->tag, ec.message()));
      co_return;
    }
    open_[known.id] = c;
    known.inbound.user = c->user();
    if (draining_) c->drain();
    co_await way->serves->serve(std::move(c), std::move(known), to_, std::move(place));
  }
  // Main connections without sub-streams are closed in good order: their peers are told before the thread
  // ends.
  void end_if_done() {
    if (!open_.empty() || std::exchange(ended_, true)) return;
    stop_in(std::chrono::milliseconds(20));
    to_.close();
  }
  // First of all: what is thrown later in a drain delays its end then, and does not prevent it.
  void cut_at_deadline() {
    deadline_.expires_after(whole_.options_.drain_timeout);
    deadline_.async_wait([this](std::error_code cancelled) {
      if (cancelled) return;
      stop_in(std::chrono::seconds(1));  // a half-closed one that waits for its target does not notice
      for (const auto& [id, c] : open_)
        if (c) c->cut();
      to_.close();
    });
  }
  void stop_in(duration d) {
    deadline_.expires_after(d);
    deadline_.async_wait([this](std::error_code cancelled) {
      if (!cancelled) io_.stop();
    });
  }

  instance& whole_;
  asio::io_context& io_;
  dispatcher to_;
  counted_timer deadline_;
  /// Null: in the transport's handshake, which ends by itself.
  std::unordered_map<std::uint32_t, std::shared_ptr<connection>> open_;
  std::vector<std::shared_ptr<datagram_listener>> datagrams_;
  bool draining_ = false, ended_ = false;
};

instance::instance(instance_options options, std::size_t threads, const equip& outbounds, log_sink log)
    : options_(std::move(options)),
      log_(std::move(log)),
      events_(log_, options_.log_lines),
      access_(log_, options_.access_lines),
      waiting_(std::make_shared<admission>(options_.max_waiting, options_.max_waiting_per_source)),
      workers_(threads) {
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    lanes_.push_back(std::make_unique<lane>(*this, workers_[i]));
    outbounds(lanes_.back()->outbounds(), workers_[i]);
  }
}

instance::~instance() { workers_.stop(); }

asio::awaitable<instance_report> instance::report(std::size_t connections_of_thread) {
  auto all = survey(workers_, [this, connections_of_thread](std::size_t thread) {
    return lanes_[thread]->describe(connections_of_thread);
  });
  instance_report r = co_await std::move(all);
  r.counters = counts_->rows();
  co_return r;
}

std::size_t instance::load(std::string_view outbound_tag) const {
  return counts_->of(stats::kind::outbound, outbound_tag).live;
}

void instance::note_access(const ended_connection& c) {
  if (options_.access)
    options_.access(c);
  else
    access_.note(log_level::info, c.about.inbound.source, [&c] { return c.line(); });
}

stream_endpoint instance::listen(const stream_endpoint& at, std::string tag, std::shared_ptr<const inbound> i,
                                 transport_use how, std::shared_ptr<const sniff_policy> sniffing,
                                 std::size_t link_capacity) {
  listener_options options;
  options.socket = how.socket;
  options.backoff = options_.accept_backoff;
  options.lead = i->lasting() ? 0 : 1;
  const auto way = std::make_shared<const entrance>(std::move(tag), std::move(i), std::move(how),
                                                    std::move(sniffing), link_capacity);
  auto take = [this, way](accepted_client c) {
    lane& thread = *lanes_[c.seat.worker()];
    thread.take(std::move(c), way);
  };
  auto say = [this](log_level level, const asio::ip::address& source, const std::string& line) {
    events_.note(level, source, line);
  };
  listeners_.push_back(
      std::make_unique<listener>(workers_, at, options, waiting_, std::move(take), std::move(say)));
  return listeners_.back()->local();
}

void instance::change(const std::function<void(dispatcher&)>& change) {
  for (const auto& l : lanes_) l->change(change);
}

udp::endpoint instance::listen_for_datagrams(const udp::endpoint& at, std::string tag,
                                             std::shared_ptr<const inbound> i, bool transparent,
                                             std::shared_ptr<const sniff_policy> sniffing) {
  return lanes_[datagram_listeners_++ % lanes_.size()]->listen(at, std::move(tag), std::move(i), transparent,
                                                               std::move(sniffing));
}

void instance::start() {
  for (const auto& l : listeners_) l->start();
  workers_.start();
}

void instance::drain() {
  for (const auto& l : listeners_) l->close();
  for (const auto& l : lanes_) l->drain();
}

}  // namespace muxpro::proxy
