// worker, one thread of an instance with its dispatcher and the connections that its inbounds serve.
#pragma once

#include "proxy/base/addresses.hpp"
#include "proxy/engine/datagram_listener.hpp"
#include "proxy/engine/instance_impl.hpp"
#include "proxy/engine/listener.hpp"
#include "proxy/engine/live_connection.hpp"
#include "proxy/engine/open_connections.hpp"
#include "proxy/engine/proxied_source.hpp"
#include "proxy/engine/silent_clients.hpp"
#include "proxy/inbound/fallback.hpp"
#include "proxy/inbound/main_connection.hpp"
#include "proxy/net/or_error.hpp"
#include "proxy/policy/dial_policy.hpp"
#include "proxy/policy/trusted_proxies.hpp"

#include <muxpro/one_shot.hpp>
#include <muxpro/proxy/instance.hpp>
#include <muxpro/timer.hpp>

#include <asio/co_spawn.hpp>
#include <asio/post.hpp>

#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// A thread's connections.
class worker {
 public:
  worker(shared_parts& whole, asio::io_context& io)
      : whole_(whole),
        io_(io),
        to_(io.get_executor()),
        silent_(io.get_executor(), whole.options.first_byte),
        deadline_(io.get_executor()) {
    open_->closed = [this] {
      if (draining_) end_if_done();
    };
    to_.count_in(whole.counts);
    to_.count_drops_in(whole.drops);
    to_.observe_by([&whole](const context& ctx, const connection_result& how, duration took) {
      whole.note_access({ctx, how, took});
    });
    to_.announce_by(whole.options.chosen);
    to_.set_log([&whole](log_level level, const asio::ip::address& source, const std::string& line) {
      whole.events.note(level, source, line);
    });
  }
  worker(const worker&) = delete;
  ~worker() { open_->closed = nullptr; }
  dispatcher& outbounds() noexcept { return to_; }

  /// Any thread.
  void change(std::function<void(dispatcher&)> change) {
    asio::post(io_, [this, change = std::move(change)] { change(to_); });
  }
  instance_report describe(std::size_t connections);
  /// See instance_report::online. Clients of this machine are not counted.
  instance_report online() const;

  void take(accepted_client client, std::shared_ptr<const listening_inbound> listening) {
    if (draining_ && !listening->is_monitor) return;
    context ctx = context_of(client, *listening);
    if (whole_.is_own_dial(ctx.inbound)) return;
    const auto c = open_socket::connection_of(std::make_shared<open_socket>(
        std::move(client.socket), std::move(client.slot), ctx.id, open_, !listening->is_monitor));
    const bool layered = listening->layers || listening->proxies;
    if (!layered) open_->by_id[ctx.id] = c;
    watch(c, *listening, ctx.inbound.source, client.place);
    if (!layered) return listening->serves->start(c, std::move(ctx), to_, std::move(client.place), listening);
    asio::awaitable<void> served = accept_over(listening, c, std::move(ctx), std::move(client.place));
    asio::co_spawn(io_, std::move(served), [listening, c](std::exception_ptr) {});
  }

  /// Any thread.
  void stop_listening(const std::string& tag) {
    asio::post(io_, [this, tag] {
      std::erase_if(datagrams_, [&](const auto& d) {
        if (d->tag() != tag) return false;
        d->close();
        return true;
      });
    });
  }
  asio::ip::udp::endpoint listen(const asio::ip::udp::endpoint& at, std::string tag,
                                 std::shared_ptr<const inbound> i, const socket_options& socket,
                                 std::shared_ptr<const sniff_policy> sniffing, user_account anonymous) {
    datagrams_.push_back(std::make_shared<datagram_listener>(
        io_, at, std::move(tag), std::move(i), to_,
        datagram_listener_options{whole_.options.datagram_sources, whole_.options.datagram_idle, socket,
                                  std::move(sniffing), std::move(anonymous)}));
    datagrams_.back()->start();
    return datagrams_.back()->local();
  }

  /// Any thread.
  void drain() {
    asio::post(io_, [this] {
      if (std::exchange(draining_, true)) return;
      cut_at_deadline();
      to_.drop_kept();
      for (const auto& d : datagrams_) d->close();
      for (const auto& c : connections()) c->drain();
      end_if_done();
    });
  }

 private:
  // One that is drained or cut may end at once.
  std::vector<std::shared_ptr<connection>> connections() const {
    std::vector<std::shared_ptr<connection>> all;
    for (const auto& [id, weak] : open_->by_id)
      if (auto c = weak.lock()) all.push_back(std::move(c));
    return all;
  }
  // A connection that has sent no complete request yet may have to go. Main connections have the time limit
  // of their negotiation instead of one for the first byte.
  void watch(const std::shared_ptr<connection_over<stream_socket>>& c, const listening_inbound& listening,
             const asio::ip::address& source, admission::ticket& place) {
    const bool may_be_silent =
        listening.serves->long_lived() || (listening.layers && listening.layers->serves_silent_clients());
    if (!may_be_silent) silent_.watch(c, c->stream().native_handle(), place.watch());
    watch_place(c, source, place);
  }
  void watch_place(const std::shared_ptr<connection>& c, const asio::ip::address& source,
                   admission::ticket& place) {
    place.on_eviction([this, source, weak = std::weak_ptr<connection>(c)] {
      asio::post(io_, [this, source, weak] {
        const auto still_there = weak.lock();
        if (!still_there) return;
        whole_.note_eviction(source);
        still_there->cut();
      });
    });
  }
  static context context_of(const accepted_client& client, const listening_inbound& listening) {
    std::error_code gone;
    const asio::ip::tcp::endpoint gateway = to_tcp(client.socket.local_endpoint(gone));
    context ctx;
    ctx.id = context::new_id();
    ctx.inbound.tag = listening.tag;
    ctx.content.sniffing = listening.sniffing;
    ctx.inbound.user = listening.anonymous;
    ctx.inbound.source = unwrapped(client.source.address());
    ctx.inbound.source_port = client.source.port();
    ctx.inbound.gateway = unwrapped(gateway.address());
    ctx.inbound.gateway_port = gateway.port();
    ctx.inbound.datagrams_alone = listening.layers && !listening.layers->takes_mux_cool_streams();
    return ctx;
  }
  // The header of a proxy in front comes first. Its source then has the place of the connection.
  asio::awaitable<void> learn_source(const listening_inbound& listening, const std::shared_ptr<connection>& c,
                                     context::inbound_part& in, admission::ticket& place,
                                     std::error_code& ec) {
    if (!listening.proxies->contain(in.source)) {
      ec = proxy_header_errc::untrusted;
      co_return;
    }
    const auto ends = co_await read_proxied_ends(c, ec);
    if (ec) co_return;
    if (ends) {
      c->set_origin({ends->source, ends->gateway});
      replace_ends(in, *c->came_from());
    }
    if (!place.move_to(in.source)) ec = errc::out_of_room;
    watch_place(c, in.source, place);
  }
  static void replace_ends(context::inbound_part& in, const connection::origin& o) {
    in.source = unwrapped(o.source.address());
    in.source_port = o.source.port();
    if (o.gateway.address().is_unspecified()) return;
    in.gateway = unwrapped(o.gateway.address());
    in.gateway_port = o.gateway.port();
  }
  asio::awaitable<void> accept_over(std::shared_ptr<const listening_inbound> listening,
                                    std::shared_ptr<connection> below, context ctx, admission::ticket place) {
    std::error_code ec;
    if (listening->proxies) co_await learn_source(*listening, below, ctx.inbound, place, ec);
    transport::server serve = [&](std::shared_ptr<connection> c) {
      return serve_layered(*listening, std::move(c), ctx, std::move(place));
    };
    if (!ec && listening->layers)
      co_await listening->layers->accept(std::move(below), std::move(serve), ec);
    else if (!ec)
      co_await serve(std::move(below));
    const auto& source = ctx.inbound.source;
    if (ec)
      whole_.events.note(log_level::info, source,
                         fmt::format("{} {} {}: no connection: {}", ctx.id, shown_source(source),
                                     listening->tag, ec.message()));
  }
  // A connection over a socket has the socket's id, unless another one has it now. The first one has the
  // socket's place among those that wait.
  asio::awaitable<void> serve_layered(const listening_inbound& listening, std::shared_ptr<connection> c,
                                      context ctx, admission::ticket place) {
    const open_layered entry(open_, ctx.id, c);
    ctx.id = entry.id();
    ctx.inbound.user.name = c->user();
    if (c->came_from()) replace_ends(ctx.inbound, *c->came_from());
    if (draining_) c->drain();
    if (c->turned_away()) {
      place.release();
      co_return co_await serve_turned_away(std::move(c), std::move(ctx), to_);
    }
    const auto gone = std::make_shared<one_shot>();
    auto served = watched(c, gone);
    co_await listening.serves->serve(std::move(served), std::move(ctx), to_, std::move(place));
    c.reset();  // kept until now, because an inbound that makes a session of it has hooks in it
    std::error_code ignored;
    co_await gone->async_wait(io_.get_executor(), or_error(ignored));
  }
  // Main connections without sub-streams are closed in good order. EOF is sent before the thread ends, the
  // peer's is not waited for.
  void end_if_done() {
    if (open_->served > 0 || std::exchange(ended_, true)) return;
    constexpr int max_checks = 200;
    try {
      stop_when_quiet(std::chrono::milliseconds(20), max_checks);
      to_.drain();
    } catch (...) {
      end();
    }
  }
  // The threads end together, so that the last one with clients still shows its reports.
  void end() {
    if (!std::exchange(quiet_, true) && --whole_.busy == 0) whole_.threads.end();
  }
  // The clients have gone. Their targets are informed shortly after.
  void stop_when_quiet(duration pause, int max_checks) {
    deadline_.expires_after(pause);
    deadline_.async_wait([this, max_checks](std::error_code cancelled) {
      if (cancelled) return;
      if (to_.live() > 0 && max_checks > 0)
        stop_when_quiet(std::chrono::milliseconds(5), max_checks - 1);
      else
        end();
    });
  }
  // Called first, so that an exception later in a drain delays its end, and does not prevent it.
  void cut_at_deadline() {
    deadline_.expires_after(whole_.options.drain_timeout);
    deadline_.async_wait([this](std::error_code cancelled) {
      if (cancelled) return;
      stop_in(std::chrono::seconds(1));  // a half-closed one that waits for its target does not notice
      for (const auto& c : connections()) c->cut();
      to_.close();
    });
  }
  void stop_in(duration d) {
    deadline_.expires_after(d);
    deadline_.async_wait([this](std::error_code cancelled) {
      if (!cancelled) end();
    });
  }

  shared_parts& whole_;
  asio::io_context& io_;
  dispatcher to_;
  silent_clients silent_;
  counted_timer deadline_;
  const std::shared_ptr<open_connections> open_ = std::make_shared<open_connections>();
  std::vector<std::shared_ptr<datagram_listener>> datagrams_;
  bool draining_ = false, ended_ = false, quiet_ = false;
};

}  // namespace muxpro::proxy
