#include "server_session.hpp"

#include "or_error.hpp"

#include <muxpro/proxy/datagram_stream.hpp>
#include <muxpro/relay.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace muxpro::proxy {

using asio::ip::tcp;
using std::chrono::steady_clock;

namespace {

/// A dial, and what waits for its place in the queue: both end when the sub-stream is cut.
struct cancellable_dial {
  explicit cancellable_dial(std::shared_ptr<dial> d) : attempt(std::move(d)) {}
  void cut(std::error_code why) {
    attempt->cancel(why);
    waiting.emit(asio::cancellation_type::terminal);
  }
  const std::shared_ptr<dial> attempt;
  asio::cancellation_signal waiting;   ///< for a place
  asio::cancellation_signal watching;  ///< the sub-stream
};

}  // namespace

server_session::server_session(server_parts& parts, session main, const tcp::endpoint& peer,
                               admission::ticket ticket)
    : parts_(parts),
      peer_(peer),
      number_(++parts.sessions_ever),
      session_(std::move(main)),
      ticket_(std::move(ticket)),
      dials_(session_.get_executor(), parts.options.max_pending_dials) {
  ++parts_.sessions;
}

server_session::~server_session() { --parts_.sessions; }

asio::awaitable<void> server_session::run() {
  const auto self = shared_from_this();
  std::error_code ec;
  co_await session_.async_handshake(or_error(ec));
  ticket_.release();
  if (ec) {
    report(ec);
    co_return;
  }
  asio::co_spawn(session_.get_executor(), accept_streams(self), [](std::exception_ptr) {});
  co_await session_.async_run(or_error(ec));
  report(ec);
}

void server_session::report(std::error_code why) {
  const session_stats s = session_.stats();
  // Who comes and goes without a word is nobody's concern.
  const bool silent = why == errc::connection_lost && s.wire_received == 0;
  const std::string line = fmt::format("main connection {} of {}: {}; {} sub-streams, {} bytes in, {} out",
                                       number_, shown_source(peer_.address()), why ? why.message() : "closed",
                                       s.received[static_cast<std::size_t>(frame_type::new_stream)].frames,
                                       s.wire_received, s.wire_sent);
  parts_.note(silent ? log_level::debug : why ? log_level::warning : log_level::info, peer_.address(), line);
}

void server_session::drain() {
  asio::co_spawn(session_.get_executor(), drain_and_close(shared_from_this()), [](std::exception_ptr) {});
}

asio::awaitable<void> server_session::drain_and_close(std::shared_ptr<server_session> self) {
  std::error_code ignored;
  co_await self->session_.async_drain(or_error(ignored));
  self->session_.close();
}

asio::awaitable<void> server_session::accept_streams(std::shared_ptr<server_session> self) {
  for (;;) {
    std::error_code ec;
    sub_stream stream = co_await self->session_.async_accept(or_error(ec));
    if (ec) co_return;
    asio::co_spawn(self->session_.get_executor(), carry(self, std::move(stream)), [](std::exception_ptr) {});
  }
}

// An exception, out of memory for instance, ends this sub-stream alone: it is reset when it is destroyed.
asio::awaitable<void> server_session::carry(std::shared_ptr<server_session> self, sub_stream stream) {
  const struct counted {
    explicit counted(std::atomic<std::uint64_t>& n) : count(n) { ++count; }
    ~counted() { --count; }
    std::atomic<std::uint64_t>& count;
  } open(self->parts_.streams);
  if (stream.target().net == network::tcp) {
    co_await self->carry_bytes(std::move(stream));
    co_return;
  }
  udp_nat::owner who;
  who.user = self->peer_.address().to_string();
  who.session = self->number_;
  who.target = stream.target();
  who.source = stream.source();
  who.addressed = self->session_.negotiated().value_or(version_0_0) >= version_0_1;
  auto datagrams = std::make_unique<sub_datagram_stream>(sub_datagram(std::move(stream)));
  co_await self->parts_.nat.carry(std::move(datagrams), std::move(who));
}

asio::awaitable<void> server_session::carry_bytes(sub_stream stream) {
  std::error_code ec;
  tcp::socket target = co_await dial_for(stream, ec);
  if (ec) {
    const bool known = ec.category() == end_category();
    stream.reset(known ? static_cast<end_code>(ec.value()) : end_code::remote_disconnect);
    report(stream, ec);
    co_return;
  }
  co_await async_relay(stream, target, parts_.options.relay, or_error(ec));
  // The ends that have a name are usual; a code that nobody knows is worth a line.
  if (ec.category() == end_category() && ec.value() > static_cast<int>(end_code::rejected))
    report(stream, ec);
}

void server_session::report(const sub_stream& stream, std::error_code why) {
  parts_.note(log_level::info, peer_.address(),
              fmt::format("sub-stream {} of main connection {} to {}: {}", stream.id(), number_,
                          stream.target(), why.message()));
}

// A place, the pace, the dial; all of it ends when the peer gives the sub-stream up.
asio::awaitable<tcp::socket> server_session::dial_for(sub_stream& stream, std::error_code& ec) {
  const auto executor = session_.get_executor();
  const auto d = std::make_shared<cancellable_dial>(
      std::make_shared<dial>(executor, parts_.names, parts_.policy, parts_.options.dial));
  if (dials_.available() == 0 && waiting_dials_ >= parts_.options.max_waiting_dials) {
    ec = end_code::resources;
    co_return tcp::socket(executor);
  }
  auto on_cut = [d](std::error_code why) { d->cut(why); };
  stream.async_wait_cut(asio::bind_cancellation_slot(d->watching.slot(), std::move(on_cut)));
  ++waiting_dials_;
  co_await dials_.async_acquire(1, asio::bind_cancellation_slot(d->waiting.slot(), or_error(ec)));
  --waiting_dials_;
  if (ec) co_return tcp::socket(executor);
  const struct place {
    semaphore& places;
    ~place() { places.release(); }
  } taken{dials_};
  co_await pace();
  tcp::socket target = co_await d->attempt->connect(stream.target(), ec);
  d->watching.emit(asio::cancellation_type::terminal);
  co_return target;
}

asio::awaitable<void> server_session::pace() {
  if (parts_.options.new_rate == 0) co_return;
  const time_point mine = std::max(next_dial_, steady_clock::now());
  next_dial_ = mine + std::chrono::duration_cast<duration>(std::chrono::seconds(1)) / parts_.options.new_rate;
  asio::steady_timer timer(session_.get_executor());
  timer.expires_at(mine);
  std::error_code ignored;
  co_await timer.async_wait(or_error(ignored));
}

}  // namespace muxpro::proxy
