#include "soak.hpp"

#include <muxpro/session.hpp>
#include <muxpro/sub_datagram.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/read.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>

#include <memory>
#include <string>

namespace soak {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

/// One main connection and what its sub-streams need. They go on for a moment after it is cut.
struct connection {
  connection(const plan& plan_, counters& counters_, tcp::socket socket, std::uint64_t seed)
      : p(plan_), c(counters_), session(std::move(socket), muxpro::role::client), random(seed) {}
  const plan& p;
  counters& c;
  muxpro::session session;
  std::mt19937_64 random;
  bool cut = false;
};
using connection_ptr = std::shared_ptr<connection>;

asio::awaitable<void> pause(steady_clock::duration d) {
  asio::steady_timer timer(co_await asio::this_coro::executor, d);
  error_code ignored;
  co_await timer.async_wait(or_error(ignored));
}

std::string said(std::mt19937_64& random, std::size_t n) {
  std::string text(n, '\0');
  for (char& ch : text) ch = static_cast<char>(random());
  payload_mark.copy(text.data(), n);
  return text;
}

// Some messages there and back, then an end of one kind or another.
asio::awaitable<void> talk(connection_ptr k) {
  error_code ec;
  const muxpro::destination to(muxpro::network::tcp, "127.0.0.1", k->p.tcp_echo);
  muxpro::sub_stream s =
      co_await k->session.async_open({to, static_cast<std::uint8_t>(k->random())}, or_error(ec));
  if (ec) co_return;
  ++k->c.streams;
  const std::size_t messages = 1 + k->random() % 8;
  for (std::size_t i = 0; i < messages && !ec; ++i) {
    const bool small = k->random() % 10 != 0;
    const std::string out = said(k->random, small ? 64 : 1 + k->random() % 30'000);
    std::string in(out.size(), '\0');
    const auto begun = steady_clock::now();
    co_await asio::async_write(s, asio::buffer(out), or_error(ec));
    if (!ec) co_await asio::async_read(s, asio::buffer(in), or_error(ec));
    if (ec) break;
    if (small && i > 0)
      k->c.round_trips.add(steady_clock::now() - begun);  // the first one waits for the dial
    if (in != out) ++k->c.faults;
    k->c.bytes += 2 * out.size();
    co_await pause(std::chrono::milliseconds(50 + k->random() % 500));
  }
  if (ec && !k->cut) ++k->c.faults;
  if (ec || k->random() % 8 == 0) {
    ++k->c.resets;
    s.reset();
    co_return;
  }
  co_await s.async_shutdown(or_error(ec));
  char more = 0;
  co_await s.async_read_some(asio::buffer(&more, 1), or_error(ec));
  if (ec != asio::error::eof && !k->cut) ++k->c.faults;
}

asio::awaitable<void> exchange_datagrams(connection_ptr k) {
  error_code ec;
  muxpro::open_request request({muxpro::network::udp, "127.0.0.1", k->p.udp_echo});
  if (k->random() % 2) {
    muxpro::global_id id{};
    for (auto& octet : id) octet = static_cast<std::uint8_t>(k->random() % 4);
    request.source = id;
  }
  muxpro::sub_stream opened = co_await k->session.async_open(std::move(request), or_error(ec));
  if (ec) co_return;
  muxpro::sub_datagram d(std::move(opened));
  for (int i = 0; i < 5 && !ec; ++i) {
    const std::string out = said(k->random, k->random() % 1200);
    co_await d.async_send(asio::buffer(out), or_error(ec));
    ++k->c.datagrams;
    co_await pause(20ms);
  }
  d.close();
}

asio::awaitable<void> keep_talking(connection_ptr k, const std::atomic<bool>& stop) {
  while (!stop && !k->cut) {
    if (k->random() % 10 == 0)
      co_await exchange_datagrams(k);
    else
      co_await talk(k);
    co_await pause(std::chrono::milliseconds(k->random() % 20));
  }
}

asio::awaitable<void> one_connection(const plan& p, counters& c, const std::atomic<bool>& stop,
                                     std::uint64_t seed) {
  const auto executor = co_await asio::this_coro::executor;
  error_code ec;
  tcp::socket socket(executor);
  co_await socket.async_connect(p.server, or_error(ec));
  if (ec) co_return;
  socket.set_option(tcp::no_delay(true));
  const auto k = std::make_shared<connection>(p, c, std::move(socket), seed);
  co_await k->session.async_handshake(or_error(ec));
  if (ec) co_return;
  k->session.async_run([k](error_code why) {
    if (why && !k->cut) ++k->c.faults;
    k->cut = true;
  });
  for (std::size_t i = 0; i < p.streams_each; ++i)
    asio::co_spawn(executor, keep_talking(k, stop), asio::detached);
  const auto life = std::chrono::milliseconds(5000 + k->random() % 25'000);
  for (const auto end = steady_clock::now() + life; !stop && !k->cut && steady_clock::now() < end;)
    co_await pause(50ms);
  if (!stop && k->random() % 2) {
    ++c.kills;
    k->cut = true;
    k->session.close();
    co_return;
  }
  k->cut = true;  // opens nothing more
  co_await k->session.async_drain(or_error(ec));
  k->session.close();
}

}  // namespace

asio::awaitable<void> good_client(const plan& p, counters& c, const std::atomic<bool>& stop,
                                  std::uint64_t seed) {
  std::mt19937_64 random(seed);
  co_await pause(std::chrono::milliseconds(random() % 2000));
  while (!stop) {
    co_await one_connection(p, c, stop, random());
    co_await pause(std::chrono::milliseconds(random() % 100));
  }
}

}  // namespace soak
