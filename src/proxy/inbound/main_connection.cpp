#include "proxy/inbound/main_connection.hpp"

#include "proxy/base/log_text.hpp"
#include "proxy/base/main_connection_target.hpp"
#include "proxy/engine/live_connection.hpp"
#include "proxy/engine/stats.hpp"
#include "proxy/net/idle_timer.hpp"
#include "proxy/net/or_error.hpp"
#include "proxy/policy/dial_policy.hpp"
#include "proxy/udp/udp_nat.hpp"

#include <muxpro/one_shot.hpp>
#include <muxpro/proxy/client.hpp>
#include <muxpro/proxy/datagram_stream.hpp>
#include <muxpro/timer.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace muxpro::proxy {

using std::chrono::steady_clock;

namespace {

// Everything was sent by then, and the peer has its EOF.
constexpr auto peer_closes_within = std::chrono::seconds(1);

/// Makes a call if a sub-stream is reset while no operation reads it, and not after it is destroyed.
class reset_watch {
 public:
  reset_watch(sub_stream& s, std::function<void(std::error_code)> call) : state_(std::make_shared<state>()) {
    state_->call = std::move(call);
    auto on_reset = [state = state_](std::error_code why) {
      if (state->call) state->call(why);
    };
    s.async_wait_reset(asio::bind_cancellation_slot(state_->over.slot(), std::move(on_reset)));
  }
  reset_watch(const reset_watch&) = delete;
  ~reset_watch() {
    state_->call = nullptr;
    state_->over.emit(asio::cancellation_type::terminal);
  }

 private:
  struct state {
    std::function<void(std::error_code)> call;
    asio::cancellation_signal over;
  };
  const std::shared_ptr<state> state_;
};

}  // namespace

main_connection::main_connection(session s, admission::ticket place, main_connection_places held,
                                 const mux_inbound_options& o, std::shared_ptr<const relay_options> relay,
                                 context ctx, dispatcher& to)
    : session_(std::move(s)),
      place_(std::move(place)),
      held_(std::move(held)),
      max_dials_(o.max_pending_dials),
      max_waiting_(o.max_waiting_dials),
      new_rate_(o.new_rate),
      relay_(std::move(relay)),
      ctx_(std::move(ctx)),
      to_(to),
      all_(to.main_connections()) {
  ctx_.inbound.carrier = ctx_.id;
  ctx_.inbound.main_connection = to.counts()->count_main_connection(ctx_.inbound.tag);
  place_in_all_ = all_->insert(all_->end(), this);
}

main_connection::~main_connection() { all_->erase(place_in_all_); }

// Handlers instead of coroutines, whose frames would be a fifth of what an idle main connection holds.
void main_connection::start(std::function<void()> ended) {
  ended_ = std::move(ended);
  session_.async_handshake([self = shared_from_this()](std::error_code ec) { self->negotiated(ec); });
}

void main_connection::negotiated(std::error_code ec) {
  place_.release();
  if (ec) return end(ec);
  try {
    accept_streams();
    session_.async_run([self = shared_from_this()](std::error_code why) { self->end(why); });
  } catch (...) {
    session_.close();
    end(errc::no_memory);
  }
}

void main_connection::end(std::error_code why) {
  log_end(why);
  if (const auto ended = std::exchange(ended_, nullptr)) ended();
}

asio::awaitable<void> main_connection::run(std::shared_ptr<main_connection> self) {
  const auto over = std::make_shared<one_shot>();
  self->start([over] { over->set({}); });
  std::error_code ignored;
  co_await over->async_wait(self->session_.get_executor(), or_error(ignored));
}

void main_connection::drain() {
  asio::co_spawn(session_.get_executor(), drain_and_close(shared_from_this()), [](std::exception_ptr) {});
}

asio::awaitable<void> main_connection::drain_and_close(std::shared_ptr<main_connection> self) {
  std::error_code ignored;
  co_await self->session_.async_drain(or_error(ignored));
  const idle_timer limit(self->session_.get_executor(), peer_closes_within, [m = self.get()] { m->close(); });
  co_await self->session_.async_close(or_error(ignored));
}

instance_report::accepted main_connection::describe() const {
  const context::inbound_part& in = ctx_.inbound;
  instance_report::accepted now{session_.stats(), shown_source(in.source), in.user.name};
  const bool by_tcp = in.source_port != 0;
  if (by_tcp) now.source = to_string(host_port(in.source.to_string(), in.source_port));
  return now;
}

// A client that closes its connection without having sent a byte is not worth a line.
void main_connection::log_end(std::error_code why) const {
  const session_stats s = session_.stats();
  const context::inbound_part& in = ctx_.inbound;
  const bool silent = why == errc::connection_lost && s.wire_received == 0;
  const std::string line = fmt::format(
      "main connection {} of {}: {}; {} sub-streams, {} bytes in, {} out", in.main_connection,
      shown_client(in.source, in.user.name), why ? why.message() : "closed",
      s.received[static_cast<std::size_t>(frame_type::new_stream)].frames, s.wire_received, s.wire_sent);
  to_.note(silent ? log_level::debug : why ? log_level::warning : log_level::info, in.source, line);
}

// --- sub-streams

/// A sub-stream on its way to its target. It holds its place among the dials until the target is known, and
/// gives up when its peer resets it.
class main_connection::stream_client final : public client {
 public:
  stream_client(const std::shared_ptr<connection_over<sub_stream>>& stream, const relay_options& limits)
      : client(stream, limits), watch_(std::in_place, stream->stream(), [this](std::error_code why) {
          gone_ = why;
          given_up_->emit(asio::cancellation_type::terminal);
          abandon(why);
        }) {}

  // Even if there is a place this takes a turn, in which a sub-stream that is reset already is found out.
  asio::awaitable<void> wait_for_turn(main_connection& main, std::error_code& ec) {
    auto place = co_await main.wait_for_turn(given_up_, ec);
    if (place) {
      place_.emplace(std::move(*place));
      if (main.new_rate_ > 0) co_await main.pace();
    }
    if (gone_) ec = gone_;
  }

 private:
  std::vector<std::byte> reply_to(std::error_code) override {
    place_.reset();
    return {};
  }
  void relay_begins() noexcept override { watch_.reset(); }

  std::error_code gone_;
  const std::shared_ptr<asio::cancellation_signal> given_up_ = std::make_shared<asio::cancellation_signal>();
  std::optional<reset_watch> watch_;
  std::optional<dial_place> place_;
};

void main_connection::accept_streams() {
  session_.async_accept([self = shared_from_this()](std::error_code ec, sub_stream stream) {
    if (ec) return;
    self->accepted(std::move(stream));
    try {
      self->accept_streams();
    } catch (...) {
      self->close();  // it could take no further sub-streams
    }
  });
}

void main_connection::accepted(sub_stream stream) {
  std::shared_ptr<stream_connection> c;
  try {
    c = std::make_shared<stream_connection>(std::move(stream));
    asio::co_spawn(session_.get_executor(), serve(shared_from_this(), c), [](std::exception_ptr) {});
  } catch (...) {
    // There is no memory for this sub-stream. The next one may get some.
    cut(c ? c->stream() : stream);
  }
}

asio::awaitable<void> main_connection::serve(std::shared_ptr<main_connection> self,
                                             std::shared_ptr<stream_connection> c) {
  try {
    context ctx = self->context_of(c->stream());
    if (c->stream().target().net == network::udp)
      co_await self->carry_datagrams(std::move(c->stream()), std::move(ctx));
    else
      co_await self->carry_bytes(c, std::move(ctx));
  } catch (...) {
    c->cut();  // an exception must not look like a clean end to the peer
  }
}

context main_connection::context_of(const sub_stream& stream) const {
  context ctx = ctx_;
  ctx.id = context::new_id();
  ctx.inbound.sub_stream = stream.id();
  ctx.outbound.original = ctx.outbound.target = stream.target();
  ctx.outbound.priority = stream.priority();
  return ctx;
}

/// Returns whether it uses Mux.Cool over a transport that takes only the datagrams of that. Logs it once.
bool main_connection::takes_datagrams_alone() {
  const context::inbound_part& in = ctx_.inbound;
  if (!in.datagrams_alone || in.protocol != name_of(dialect::mux_cool)) return false;
  if (!std::exchange(refusal_noted_, true))
    to_.note(log_level::warning, in.source,
             fmt::format("main connection {} of {}: its connections are refused, because Mux.Cool over this "
                         "transport carries datagrams alone: the client should use mux.pro, or no mux",
                         in.main_connection, shown_client(in.source, in.user.name)));
  return true;
}

asio::awaitable<void> main_connection::carry_bytes(std::shared_ptr<stream_connection> stream, context ctx) {
  auto c = std::make_unique<stream_client>(stream, *relay_);
  connection_result refused;
  // A client with a flow sends streams by it, and not inside of a main connection.
  if (ctx_.inbound.user.vision || takes_datagrams_alone()) refused.why = errc::target_rejected;
  if (!refused.why) co_await c->wait_for_turn(*this, refused.why);
  if (!refused.why) {
    co_await to_.dispatch(std::move(ctx), std::move(c));
    co_return;
  }
  const auto counted = to_.count(std::move(ctx), nullptr);
  to_.end(*counted, refused);
  co_await c->end(refused.why);
}

asio::awaitable<std::optional<main_connection::dial_place>> main_connection::wait_for_turn(
    std::shared_ptr<asio::cancellation_signal> given_up, std::error_code& ec) {
  if (!dials_) dials_ = std::make_unique<semaphore>(session_.get_executor(), max_dials_);
  if (dials_->available() == 0 && waiting_ >= max_waiting_) {
    ec = errc::out_of_room;
    co_return std::nullopt;
  }
  ++waiting_;
  co_await dials_->async_acquire(1, asio::bind_cancellation_slot(given_up->slot(), or_error(ec)));
  --waiting_;
  if (ec) co_return std::nullopt;
  co_return dial_place(*dials_);
}

asio::awaitable<void> main_connection::pace() {
  const time_point mine = std::max(next_dial_, steady_clock::now());
  next_dial_ = mine + std::chrono::duration_cast<duration>(std::chrono::seconds(1)) / new_rate_;
  counted_timer timer(session_.get_executor());
  timer.expires_at(mine);
  std::error_code ignored;
  co_await timer.async_wait(or_error(ignored));
}

asio::awaitable<void> main_connection::carry_datagrams(sub_stream stream, context ctx) {
  ctx.datagrams.source = stream.source();
  ctx.datagrams.addressed = session_.negotiated().value_or(version_0_0) >= version_0_1;
  auto dropped = [drops = to_.drops(), whose = udp_nat::owner(ctx.inbound).log_name](
                     drop_reason why, std::uint64_t n) { drops->note(why, whose, n); };
  auto datagrams = std::make_unique<sub_datagram_stream>(sub_datagram(std::move(stream)), std::move(dropped));
  co_await to_.dispatch_datagrams(std::move(ctx), std::move(datagrams));
}

}  // namespace muxpro::proxy
