#include "server_session.hpp"

#include "or_error.hpp"

#include <muxpro/proxy/datagram_stream.hpp>
#include <muxpro/proxy/dial_outcome.hpp>
#include <muxpro/proxy/timer.hpp>
#include <muxpro/relay.hpp>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <utility>

namespace muxpro::proxy {

using asio::ip::tcp;
using std::chrono::steady_clock;

server_session::server_session(server_parts& parts, session main, const tcp::endpoint& peer, std::string user,
                               admission::ticket ticket)
    : main_connection(std::move(main), std::move(ticket),
                      {parts.options.max_pending_dials, parts.options.max_waiting_dials}),
      parts_(parts),
      peer_(peer),
      user_(std::move(user)),
      number_(++parts.sessions_ever) {
  ++parts_.sessions;
}

server_session::~server_session() { --parts_.sessions; }

asio::awaitable<void> server_session::run_and_report() { report(co_await run()); }

instance_report::accepted server_session::describe() {
  instance_report::accepted now{main().stats(), shown_source(peer_.address()), user_};
  const bool by_tcp = peer_.port() != 0;
  if (by_tcp) now.source = to_string(host_port(unmapped(peer_.address()).to_string(), peer_.port()));
  count(now);
  return now;
}

void server_session::count(const session_stats& now) {
  const auto payload = [](const auto& by_type) {
    return std::accumulate(by_type.begin(), by_type.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const traffic& t) { return sum + t.bytes; });
  };
  const std::uint64_t up = payload(now.received), down = payload(now.sent);
  parts_.up += up - std::exchange(counted_up_, up);
  parts_.down += down - std::exchange(counted_down_, down);
}

void server_session::report(std::error_code why) {
  const session_stats s = main().stats();
  count(s);
  // Who comes and goes without a word is nobody's concern.
  const bool silent = why == errc::connection_lost && s.wire_received == 0;
  const std::string user = user_.empty() ? "" : " user " + one_word(user_);
  const std::string line = fmt::format(
      "main connection {} of {}{}: {}; {} sub-streams, {} bytes in, {} out", number_,
      shown_source(peer_.address()), user, why ? why.message() : "closed",
      s.received[static_cast<std::size_t>(frame_type::new_stream)].frames, s.wire_received, s.wire_sent);
  parts_.note(silent ? log_level::debug : why ? log_level::warning : log_level::info, peer_.address(), line);
}

asio::awaitable<void> server_session::carry(sub_stream stream) {
  const struct counted {
    explicit counted(std::atomic<std::uint64_t>& n) : count(n) { ++count; }
    ~counted() { --count; }
    std::atomic<std::uint64_t>& count;
  } open(parts_.streams);
  ++parts_.streams_ever;
  if (stream.target().net == network::tcp) {
    co_await carry_bytes(std::move(stream));
    co_return;
  }
  udp_nat::owner who(user_, peer_.address());
  who.session = number_;
  who.target = stream.target();
  who.source = stream.source();
  who.addressed = main().negotiated().value_or(version_0_0) >= version_0_1;
  auto datagrams = std::make_unique<sub_datagram_stream>(sub_datagram(std::move(stream)));
  co_await parts_.nat.carry(std::move(datagrams), std::move(who));
}

asio::awaitable<void> server_session::carry_bytes(sub_stream stream) {
  std::error_code ec;
  tcp::socket target = co_await dial_for(stream, ec);
  if (ec) {
    stream.reset(end_code_of(ec));
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
  const auto executor = main().get_executor();
  const auto attempt = std::make_shared<dial>(executor, parts_.names, parts_.policy, parts_.options.dial);
  const auto given_up = std::make_shared<asio::cancellation_signal>();
  const cut_watch watch(stream, [attempt, given_up](std::error_code why) {
    attempt->cancel(why);
    given_up->emit(asio::cancellation_type::terminal);
  });
  const auto place = co_await wait_for_turn(given_up, ec);
  if (!place) co_return tcp::socket(executor);
  co_await pace();
  co_return co_await attempt->connect(stream.target(), ec);
}

asio::awaitable<void> server_session::pace() {
  if (parts_.options.new_rate == 0) co_return;
  const time_point mine = std::max(next_dial_, steady_clock::now());
  next_dial_ = mine + std::chrono::duration_cast<duration>(std::chrono::seconds(1)) / parts_.options.new_rate;
  counted_timer timer(main().get_executor());
  timer.expires_at(mine);
  std::error_code ignored;
  co_await timer.async_wait(or_error(ignored));
}

}  // namespace muxpro::proxy
