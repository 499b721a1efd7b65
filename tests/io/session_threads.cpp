// Sessions on threads: one pair for each thread, which share nothing; and pairs on the strands of one pool,
// the two sides on strands of their own, connected by local sockets. Every byte is verified.
#include "robustness.hpp"

#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>

#include <atomic>
#include <thread>

using namespace io_test;

namespace {

/// Assertions of Catch2 belong to the main thread: others count what went right and wrong.
struct tally {
  std::atomic<int> good{0}, bad{0};
  void note(bool ok) { ++(ok ? good : bad); }
};

/// One sub-stream: writes `total` bytes of `tag` and reads them back, both in random pieces. Shared by its
/// coroutines.
struct talk {
  talk(sub_stream stream, std::uint64_t t, std::size_t n, tally& r)
      : s(std::move(stream)), tag(t), total(n), result(&r) {}
  sub_stream s;
  std::uint64_t tag;
  std::size_t total;
  tally* result;
};
using talk_ptr = std::shared_ptr<talk>;

awaitable<> say_all(talk_ptr t) {
  std::mt19937_64 random(t->tag);
  for (std::size_t at = 0; at < t->total;) {
    const auto data = said_by(t->tag, at, std::min<std::size_t>(t->total - at, 1 + random() % 30'000));
    const auto [error, n] = co_await t->s.async_write_some(asio::buffer(data.data(), data.size()), as_result);
    if (error) co_return;
    at += n;
  }
  const auto [error] = co_await t->s.async_shutdown(as_result);
  if (!error) t->result->note(true);
}

/// A cut is no mistake here, but bytes that are none of its own are, and an eof before the last byte.
awaitable<> hear_all(talk_ptr t) {
  std::mt19937_64 random(t->tag);
  byte_string room;
  std::size_t at = 0;
  for (;;) {
    room.resize(1 + random() % 30'000);
    const auto [error, n] = co_await t->s.async_read_some(asio::buffer(room), as_result);
    if (!is_said_by(t->tag, at, const_bytes(room).first(n))) t->result->note(false);
    at += n;
    if (!error) continue;
    if (error == asio::error::eof) t->result->note(at == t->total);
    co_return;
  }
}

/// A client: `n` sub-streams at once, each echoed; closes the session when all are through.
awaitable<> converse(session& s, std::uint64_t tag, std::size_t n, std::size_t total, tally& result) {
  const auto [error] = co_await s.async_handshake(as_result);
  if (error) co_return;
  run_in_background(s);
  for (std::size_t i = 0; i < n; ++i) {
    auto opened = co_await s.async_open(to_tcp(static_cast<std::uint8_t>(i)), as_result);
    if (std::get<0>(opened)) co_return;
    const auto t = std::make_shared<talk>(std::move(std::get<1>(opened)), tag + 10 * i, total, result);
    spawn(s.get_executor(), say_all(t));
    spawn(s.get_executor(), hear_all(t));
  }
  // Draining ends when all have both Ends.
  const auto [failure] = co_await s.async_drain(as_result);
  if (!failure) result.note(true);
  s.close();
}

constexpr std::size_t streams_each = 4;
constexpr int good_results =
    1 + 2 * static_cast<int>(streams_each);  // drain, each direction of each sub-stream

using local_socket = asio::local::stream_protocol::socket;

/// A stream with a strand, over a socket without one.
class guarded_socket {
 public:
  guarded_socket(local_socket s, asio::any_io_executor strand)
      : socket_(std::move(s)), strand_(std::move(strand)) {}
  asio::any_io_executor get_executor() const { return strand_; }
  local_socket& lowest_layer() { return socket_; }
  template <class Buffers, class Token>
  auto async_read_some(const Buffers& into, Token&& token) {
    return socket_.async_read_some(into, std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& from, Token&& token) {
    return socket_.async_write_some(from, std::forward<Token>(token));
  }

 private:
  local_socket socket_;
  asio::any_io_executor strand_;
};

/// A pair of sessions, each where its socket is.
struct socket_pair {
  socket_pair(asio::any_io_executor a, asio::any_io_executor b) {
    local_socket one(a), two(b);
    asio::local::connect_pair(one, two);
    client = session(std::move(one), role::client);
    server = session(std::move(two), role::server);
  }
  /// Each on its strand, the sockets on none.
  socket_pair(asio::io_context& context, asio::any_io_executor a, asio::any_io_executor b) {
    local_socket one(context), two(context);
    asio::local::connect_pair(one, two);
    client = session(guarded_socket(std::move(one), a), role::client);
    server = session(guarded_socket(std::move(two), b), role::server);
  }
  session client, server;
};

void run_pair_of_its_own(std::uint64_t tag, std::size_t total, tally& result) {
  asio::io_context context(1);
  auto [a, b] = make_pipe(context.get_executor(), 5000);
  session client(std::move(a), role::client), server(std::move(b), role::server);
  run_in_background(server);
  spawn(context, serve_echo(server));
  spawn(context, converse(client, tag, streams_each, total, result));
  context.run_for(60s);
}

void run_pairs_on_strands(bool bare_sockets) {
  tally result;
  asio::io_context context;
  std::vector<std::unique_ptr<socket_pair>> pairs;
  for (std::uint64_t i = 0; i < 4; ++i) {
    const auto a = asio::make_strand(context), b = asio::make_strand(context);
    pairs.push_back(bare_sockets ? std::make_unique<socket_pair>(context, a, b)
                                 : std::make_unique<socket_pair>(a, b));
    socket_pair& p = *pairs.back();
    asio::post(b, [&p] {
      run_in_background(p.server);
      spawn(p.server.get_executor(), serve_echo(p.server));
    });
    asio::co_spawn(a, converse(p.client, 1000 * i, streams_each, steps(3'000'000), result),
                   [](std::exception_ptr) {});
  }
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&context] { context.run_for(60s); });
  for (std::thread& t : threads) t.join();
  CHECK(result.bad == 0);
  CHECK(result.good == 4 * good_results);
}

}  // namespace

TEST_CASE("one pair of sessions for each thread", "[session][threads]") {
  tally result;
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([t, &result] { run_pair_of_its_own(1000 * t, steps(3'000'000), result); });
  }
  for (std::thread& t : threads) t.join();
  CHECK(result.bad == 0);
  CHECK(result.good == 4 * good_results);
}

TEST_CASE("pairs on strands of a pool of four threads", "[session][threads]") { run_pairs_on_strands(false); }
TEST_CASE("pairs whose strands are not their sockets'", "[session][threads]") { run_pairs_on_strands(true); }

TEST_CASE("a pool that is stopped in the middle", "[session][threads]") {
  for (const int milliseconds : {0, 1, 3, 10, 30}) {
    CAPTURE(milliseconds);
    tally result;
    std::vector<std::unique_ptr<socket_pair>> pairs;
    std::optional<asio::thread_pool> pool(std::in_place, 4);
    for (std::uint64_t i = 0; i < 4; ++i) {
      const auto a = asio::make_strand(*pool), b = asio::make_strand(*pool);
      pairs.push_back(std::make_unique<socket_pair>(a, b));
      socket_pair& p = *pairs.back();
      asio::post(b, [&p] {
        run_in_background(p.server);
        spawn(p.server.get_executor(), serve_echo(p.server));
      });
      asio::co_spawn(a, converse(p.client, 1000 * i, streams_each, 3'000'000, result),
                     [](std::exception_ptr) {});
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    pool->stop();
    pool->join();
    if (milliseconds % 2) {
      pool.reset();
      pairs.clear();
    } else {
      pairs.clear();
      pool.reset();
    }
    CHECK(result.bad == 0);
  }
}

TEST_CASE("sessions of one pool are destroyed on their strands while others work", "[session][threads]") {
  tally result;
  asio::thread_pool pool(4);
  std::atomic<int> destroyed{0};
  std::vector<std::shared_ptr<socket_pair>>
      pairs;  // the servers' accept loops refer to their sessions to the end
  for (std::uint64_t i = 0; i < 20; ++i) {
    const auto a = asio::make_strand(pool), b = asio::make_strand(pool);
    auto p = pairs.emplace_back(std::make_shared<socket_pair>(a, b));
    asio::post(b, [p] {
      run_in_background(p->server);
      asio::co_spawn(p->server.get_executor(), serve_echo(p->server), [p](std::exception_ptr) {});
    });
    asio::post(a, [p, i, &result] {
      asio::co_spawn(p->client.get_executor(), converse(p->client, 1000 * i, streams_each, 200'000, result),
                     [p](std::exception_ptr) {});
    });
    // At some moment of their work, one side and then the other.
    auto timer = std::make_shared<asio::steady_timer>(a, std::chrono::microseconds(500 * i));
    timer->async_wait([p, timer, b, &destroyed](error_code) {
      p->client.close();
      asio::post(b, [p, &destroyed] {
        p->server.close();
        ++destroyed;
      });
    });
  }
  pool.join();
  CHECK(destroyed == 20);
}
