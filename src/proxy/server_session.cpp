#include "server_session.hpp"

#include "or_error.hpp"

#include <muxpro/proxy/datagram_stream.hpp>
#include <muxpro/proxy/dial_outcome.hpp>
#include <muxpro/relay.hpp>
#include <muxpro/timer.hpp>

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
  const std::string line = fmt::format(
      "{}: {}; {} sub-streams, {} bytes in, {} out", name(), why ? why.message() : "closed",
      s.received[static_cast<std::size_t>(frame_type::new_stream)].frames, s.wire_received, s.wire_sent);
  const auto level = silent ? log_level::debug : why ? log_level::warning : log_level::info;
  parts_.events.note(level, peer_.address(), line);
}

std::string server_session::name() const {
  const std::string user = user_.empty() ? "" : " user " + one_word(user_);
  return fmt::format("main connection {} of {}{}", number_, shown_source(peer_.address()), user);
}

asio::awaitable<void> server_session::carry(sub_stream stream) {
  const struct counted {
    explicit counted(std::atomic<std::uint64_t>& n) : count(n) { ++count; }
    ~counted() { --count; }
    std::atomic<std::uint64_t>& count;
  } open(parts_.streams);
  ++parts_.streams_ever;
  const time_point began = steady_clock::now();
  const stream_id id = stream.id();
  const destination target = stream.target();
  carried how;
  if (target.net == network::tcp)
    how = co_await carry_bytes(stream);
  else
    how = co_await carry_datagrams(std::move(stream));
  report(id, target, how, steady_clock::now() - began);
}

asio::awaitable<server_session::carried> server_session::carry_datagrams(sub_stream stream) {
  udp_nat::owner who(user_, peer_.address());
  who.session = number_;
  who.target = stream.target();
  who.source = stream.source();
  who.addressed = main().negotiated().value_or(version_0_0) >= version_0_1;
  const auto bytes = std::make_shared<datagram_bytes>();
  auto datagrams = std::make_unique<sub_datagram_stream>(sub_datagram(std::move(stream)));
  co_await parts_.nat.carry(counted_by(bytes, std::move(datagrams)), std::move(who));
  co_return carried{bytes->received, bytes->sent, {}, false};
}

asio::awaitable<server_session::carried> server_session::carry_bytes(sub_stream& stream) {
  carried how;
  tcp::socket target = co_await dial_for(stream, how);
  if (how.why) {
    stream.reset(end_code_of(how.why));
  } else {
    const relay_result bytes = co_await async_relay(stream, target, parts_.options.relay, or_error(how.why));
    how.up = bytes.a_to_b;
    how.down = bytes.b_to_a;
  }
  // The ends that have a name are usual.
  how.odd |= how.why.category() == end_category() && how.why.value() > static_cast<int>(end_code::rejected);
  co_return how;
}

// What is odd is not to get lost among what is not.
void server_session::report(stream_id stream, const destination& target, const carried& how, duration took) {
  const auto line = [&] {
    return fmt::format("sub-stream {} of {} to {}: {} bytes up, {} down, {:.3f} s, {}", stream, name(),
                       target, how.up, how.down, std::chrono::duration<double>(took).count(),
                       how.why ? how.why.message() : "done");
  };
  (how.odd ? parts_.odd_ends : parts_.access).note(log_level::info, peer_.address(), line);
}

// A place, the pace, the dial; all of it ends when the peer gives the sub-stream up, which is usual, and that
// nothing was reached is odd.
asio::awaitable<tcp::socket> server_session::dial_for(sub_stream& stream, carried& how) {
  const auto executor = main().get_executor();
  const auto attempt = std::make_shared<dial>(executor, parts_.names, parts_.policy, parts_.options.dial);
  const auto given_up = std::make_shared<asio::cancellation_signal>();
  bool cut = false;
  const cut_watch watch(stream, [attempt, given_up, &cut](std::error_code why) {
    cut = true;
    attempt->cancel(why);
    given_up->emit(asio::cancellation_type::terminal);
  });
  tcp::socket target(executor);
  // Even if there is a place this takes a turn, in which a sub-stream that is cut already says so.
  const auto place = co_await wait_for_turn(given_up, how.why);
  if (place && parts_.options.new_rate > 0) co_await pace();
  if (place) target = co_await attempt->connect(stream.target(), how.why);
  how.odd = how.why && !cut;
  co_return target;
}

asio::awaitable<void> server_session::pace() {
  const time_point mine = std::max(next_dial_, steady_clock::now());
  next_dial_ = mine + std::chrono::duration_cast<duration>(std::chrono::seconds(1)) / parts_.options.new_rate;
  counted_timer timer(main().get_executor());
  timer.expires_at(mine);
  std::error_code ignored;
  co_await timer.async_wait(or_error(ignored));
}

}  // namespace muxpro::proxy
