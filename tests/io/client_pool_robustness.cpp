// Client pools that break, are closed or destroyed at every step; over TCP; on a strand of many threads.
#include "pool_support.hpp"

#include <muxpro/testing/each_failure.hpp>

#include <asio/ip/tcp.hpp>
#include <asio/strand.hpp>

#include <atomic>
#include <thread>

using namespace io_test;

namespace {

using faulty_wire = faulty_stream<pipe_end>;

/// A pool that is always short of room, with sub-streams that end at once, and memory of its own.
struct crowded_pool {
  explicit crowded_pool(std::shared_ptr<fault> f = std::make_shared<fault>()) : faults(std::move(f)) {
    auto options = pool_options(2);
    options.max_reuse = 3;
    options.max_connections = 2;
    pool.emplace(
        context->get_executor(), [this] { return dial(context->get_executor(), faults, servers); }, options);
  }
  ~crowded_pool() {
    streams.clear();
    pool.reset();
    servers.clear();
  }

  static awaitable<faulty_wire> dial(asio::any_io_executor executor, std::shared_ptr<fault> faults,
                                     std::vector<session>& servers) {
    co_await asio::post(executor, asio::use_awaitable);
    auto [near, far] = make_pipe(executor, 200);
    servers.emplace_back(std::move(far), role::server);
    run_in_background(servers.back());
    spawn(executor, serve_echo(servers.back()));
    co_return faulty_wire(std::move(near), std::move(faults));
  }

  void begin() {
    servers.reserve(100);
    for (int n = 0; n < 12; ++n) open(n);
    pool->async_open(to_tcp(),
                     asio::bind_cancellation_slot(stop.slot(), counted(all, [](error_code, sub_stream) {})));
  }
  void open(int n) {
    pool->async_open(with_data("first"), counted(all, [this, n](error_code error, sub_stream s) {
                       ended[static_cast<std::size_t>(n)] = error;
                       if (!error) read(std::make_shared<sub_stream>(std::move(s)));
                       if (pool && n == 5) pool->async_drain(counted(all, [](error_code) {}));
                     }));
  }
  /// Keeps the sub-stream until its first byte is back.
  void read(std::shared_ptr<sub_stream> s) {
    auto buffer = std::make_shared<byte_string>(5);
    sub_stream& stream = *s;
    stream.async_read_some(asio::buffer(*buffer), counted(all, [s, buffer](error_code, std::size_t) {}));
  }

  std::unique_ptr<asio::io_context> context = std::make_unique<asio::io_context>();
  std::shared_ptr<fault> faults;
  std::vector<session> servers;
  std::vector<sub_stream> streams;
  asio::cancellation_signal stop;
  ledger all;
  std::array<error_code, 12> ended;
  std::optional<client_pool> pool;
};

/// How many handlers run until nothing is left to do.
template <class Break>
void after_each_handler(Break what) {
  bool finished = false;
  for (std::size_t steps = 0; !finished; ++steps) {
    crowded_pool p;
    p.begin();
    for (std::size_t n = 0; n < steps && !finished; ++n) finished = p.context->poll_one() == 0;
    what(p);
  }
}

}  // namespace

TEST_CASE("a pool may be destroyed after any handler", "[client_pool]") {
  after_each_handler([](crowded_pool& p) {
    p.pool.reset();
    run_ready(*p.context);
    CHECK(p.all.called == p.all.begun);
    CHECK(p.all.alive() == 0);
  });
}

TEST_CASE("the context of a pool may be destroyed after any handler", "[client_pool]") {
  after_each_handler([](crowded_pool& p) {
    p.context.reset();
    CHECK(p.all.alive() == 0);
  });
}

TEST_CASE("an open may be cancelled after any handler", "[client_pool]") {
  after_each_handler([](crowded_pool& p) {
    p.stop.emit(asio::cancellation_type::total);
    run_ready(*p.context);
    CHECK(p.all.called == p.all.begun);
  });
}

TEST_CASE("if main connections fail at any step, no open fails twice and no open is left waiting",
          "[client_pool]") {
  const std::size_t steps = muxpro::testing::each_failure([](std::shared_ptr<fault> faults) {
    crowded_pool p(faults);
    manual_clock clock(*p.context);
    p.begin();
    clock.run_for(*p.context, 50s);
    REQUIRE(p.all.called == p.all.begun);
    p.pool->close();
    run_ready(*p.context);
  });
  CHECK(steps > 20);
}

namespace {

awaitable<tcp::socket> connect(tcp::endpoint server) {
  tcp::socket socket(co_await asio::this_coro::executor);
  co_await socket.async_connect(server, asio::use_awaitable);
  co_return socket;
}

/// An echo server over TCP; everything on one executor.
struct tcp_farm {
  explicit tcp_farm(asio::any_io_executor e) : executor(e), acceptor(e) {}

  void listen(tcp::endpoint at) {
    acceptor.open(at.protocol());
    acceptor.set_option(tcp::acceptor::reuse_address(true));
    acceptor.bind(at);
    acceptor.listen();
    spawn(executor, accept());
  }
  awaitable<> accept() {
    for (;;) {
      auto accepted = co_await acceptor.async_accept(as_result);
      if (std::get<0>(accepted)) co_return;
      servers.push_back(std::make_unique<session>(std::move(std::get<1>(accepted)), role::server));
      run_in_background(*servers.back());
      spawn(executor, serve_echo(*servers.back()));
    }
  }
  void kill() {
    acceptor.close();
    for (auto& s : servers) s->close();
  }

  asio::any_io_executor executor;
  tcp::acceptor acceptor;
  std::vector<std::unique_ptr<session>> servers;
};

awaitable<> echo_once(client_pool& pool, std::size_t size) {
  auto stream = co_await pool.async_open(to_tcp());
  const std::string text(size, 'e');
  co_await write_text(stream, text);
  const std::string back = co_await read_text(stream, size);
  if (back != text) throw std::runtime_error("not an echo");
  co_await stream.async_shutdown();
  std::byte none;
  const auto end = co_await stream.async_read_some(asio::buffer(&none, 1), as_result);
  if (std::get<0>(end) != asio::error::eof) throw std::system_error(std::get<0>(end));
}

}  // namespace

TEST_CASE("over TCP: a killed server, its opens refused, its return", "[client_pool][tcp]") {
  asio::io_context context;
  manual_clock clock(context);
  tcp_farm server(context.get_executor());
  server.listen({asio::ip::address_v4::loopback(), 0});
  const auto endpoint = server.acceptor.local_endpoint();
  client_pool pool(
      context.get_executor(), [endpoint] { return connect(endpoint); }, pool_options(4));

  std::vector<sub_stream> streams;
  for (int n = 0; n < 10; ++n)
    streams.push_back(test::run(context, pool.async_open(to_tcp(), asio::use_awaitable)));
  CHECK(pool.stats().connections == 3);
  test::run(context, echo_once(pool, 100'000));
  clock.advance(5s);

  server.kill();
  for (auto& s : streams) {
    const auto got = test::run(context, read_all(s));
    CHECK((got.error && got.error != asio::error::eof));
  }
  outcome refused;
  pool.async_open(to_tcp(), into(refused));
  test::run_until(context, [&] { return refused.done(); });
  CHECK(refused.is(asio::error::connection_refused));

  server.listen(endpoint);
  clock.advance(1s);
  test::run(context, echo_once(pool, 1000));
  pool.close();
  server.kill();
}

TEST_CASE("a pool on a strand of a pool of threads", "[client_pool][threads]") {
  asio::io_context context(4);
  const auto strand = asio::make_strand(context.get_executor());
  std::atomic<int> failed = 0;
  {
    tcp_farm server(strand);
    std::optional<client_pool> pool;
    int left = 0;
    const auto next = [&](std::exception_ptr error) {
      failed += error ? 1 : 0;
      if (--left > 0) return;
      pool->close();
      server.kill();
    };
    asio::post(strand, [&] {
      server.listen({asio::ip::address_v4::loopback(), 0});
      const auto endpoint = server.acceptor.local_endpoint();
      auto options = pool_options(8);
      options.max_connections = 3;
      options.max_reuse = 50;
      pool.emplace(
          strand, [endpoint] { return connect(endpoint); }, options);
      for (int n = 0; n < 200; ++n, ++left) asio::co_spawn(strand, echo_once(*pool, 2000), next);
    });
    std::vector<std::thread> threads;
    for (int n = 0; n < 4; ++n) threads.emplace_back([&] { context.run(); });
    for (auto& t : threads) t.join();
    CHECK(pool->stats().opened == 200);
    CHECK(pool->stats().dials >= 4);
  }
  CHECK(failed == 0);
}
