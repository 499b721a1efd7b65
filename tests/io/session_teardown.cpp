// Whatever is destroyed first, at whatever moment: sub-streams, sessions, the io_context. A busy pair of
// sessions is stopped after each handler in turn, torn down, and must leave nothing behind: each handler is
// called once, or destroyed with the context.
#include "robustness.hpp"

#include <asio/detached.hpp>
#include <asio/strand.hpp>

#include <list>

using namespace io_test;

namespace {

const byte_string& bulk() {
  static const byte_string data(70'000, std::byte{0x5a});
  return data;
}

/// A sub-stream with operations of all kinds pending.
struct busy_stream {
  explicit busy_stream(sub_stream s) : tcp(std::move(s)) {
    if (tcp.target().net != network::udp) return;
    udp = sub_datagram(std::move(tcp));
  }
  sub_stream tcp;
  sub_datagram udp;
  host_port from;
  byte_string buffer = byte_string(512);
};

using busy_list = std::list<std::shared_ptr<busy_stream>>;

enum class victim { client_streams, server_streams, client, server, context, closed_then_context };

constexpr victim all_victims[] = {victim::client_streams, victim::server_streams,
                                  victim::client,         victim::server,
                                  victim::context,        victim::closed_then_context};

/// Two sessions over a pipe so small that every write waits on the wire. This object is the only owner of
/// all of them.
struct busy_sessions {
  explicit busy_sessions(bool stranded) {
    asio::any_io_executor executor = context->get_executor();
    if (stranded) executor = asio::make_strand(context->get_executor());
    auto [a, b] = make_pipe(executor, 150);
    fault_options small;
    small.read.max_size = small.write.max_size = 300;
    session_options options;
    options.session_out_buffer = 4096;
    client = session(faulty_stream(std::move(a), small), role::client, options);
    server = session(faulty_stream(std::move(b), small), role::server, options);
  }

  void begin() {
    server->async_run(counted(all, [](error_code) {}));
    accept();
    client->async_handshake(counted(all, [this](error_code error) {
      if (!error && client) client->async_run(counted(all, [](error_code) {}));
    }));
    open(to_tcp());
    open(with_data("first"));
    open(to_udp());
    client->async_accept(counted(all, [](error_code, sub_stream) {}));
  }

  void open(open_request request) {
    client->async_open(std::move(request), counted(all, [this](error_code error, sub_stream s) {
                         if (!error) add(client_streams, std::move(s));
                       }));
  }
  void accept() {
    server->async_accept(counted(all, [this](error_code error, sub_stream s) {
      if (error) return;
      add(server_streams, std::move(s));
      if (server) accept();
      if (server && server_streams.size() == 3) server->async_drain(counted(all, [](error_code) {}));
    }));
  }

  void add(busy_list& list, sub_stream s) {
    list.push_back(std::make_shared<busy_stream>(std::move(s)));
    const std::weak_ptr<busy_stream> stream = list.back();
    if (list.back()->udp.is_open()) return exchange_datagrams(stream, 4);
    write(stream, 2);
    // One reads, its neighbours let the credit run out.
    if (list.size() == 1) read(stream);
  }

  void read(std::weak_ptr<busy_stream> stream) {
    const auto s = stream.lock();
    if (!s) return;
    s->tcp.async_read_some(asio::buffer(s->buffer),
                           counted(all, [this, stream](error_code error, std::size_t) {
                             if (!error) read(stream);
                           }));
  }
  void write(std::weak_ptr<busy_stream> stream, int times) {
    const auto s = stream.lock();
    if (!s) return;
    s->tcp.async_write_some(asio::buffer(bulk()),
                            counted(all, [this, stream, times](error_code error, std::size_t) {
                              if (!error && times > 0) write(stream, times - 1);
                            }));
    if (times == 0) s->tcp.async_shutdown(counted(all, [](error_code) {}));
  }
  void exchange_datagrams(std::weak_ptr<busy_stream> stream, int times) {
    const auto s = stream.lock();
    if (!s) return;
    s->udp.async_send_to(asio::buffer(bulk(), 300), host_port{"192.0.2.9", 53},
                         counted(all, [](error_code, std::size_t) {}));
    s->udp.async_receive_from(asio::buffer(s->buffer), s->from,
                              counted(all, [this, stream, times](error_code error, std::size_t) {
                                if (!error && times > 0) exchange_datagrams(stream, times - 1);
                              }));
  }

  /// Runs `n` handlers; false if there are not so many.
  bool run_handlers(std::size_t n) {
    context->restart();
    for (; n > 0; --n) {
      if (context->poll_one() == 0) return false;
    }
    return true;
  }

  void destroy(victim v) {
    switch (v) {
      case victim::client_streams: client_streams.clear(); break;
      case victim::server_streams: server_streams.clear(); break;
      case victim::client: client.reset(); break;
      case victim::server: server.reset(); break;
      case victim::context: context.reset(); break;
      case victim::closed_then_context:
        client->close();
        server->close();
        context.reset();
        break;
    }
  }

  ledger all;
  std::unique_ptr<asio::io_context> context = std::make_unique<asio::io_context>();
  std::optional<session> client, server;
  busy_list client_streams, server_streams;
};

/// Destroys `v` after `n` handlers, then the rest. False if all came to rest before.
bool tear_down(victim v, std::size_t n, bool stranded, bool inside) {
  busy_sessions busy(stranded);
  busy.begin();
  const bool more = busy.run_handlers(n);
  const bool context_first = v == victim::context || v == victim::closed_then_context;
  if (inside && !context_first) {
    asio::post(*busy.context, [&busy, v] { busy.destroy(v); });
  } else {
    busy.destroy(v);
  }
  if (!context_first) {
    run_ready(*busy.context);
    busy.client.reset();
    busy.server_streams.clear();
    run_ready(*busy.context);
    busy.server.reset();
    busy.client_streams.clear();
    run_ready(*busy.context);
    CHECK(busy.all.called == busy.all.begun);
  }
  // An object that outlives its context reports it, and does no harm.
  for (const auto& s : busy.client_streams) {
    if (s->tcp.is_open()) static_cast<void>(s->tcp.stats());
  }
  CHECK(busy.all.alive() == 0);
  return more;
}

void tear_down_at_each_handler(victim v, bool stranded, bool inside) {
  CAPTURE(static_cast<int>(v), stranded, inside);
  std::size_t n = 0;
  while (true) {
    CAPTURE(n);
    if (!tear_down(v, n, stranded, inside)) break;
    n += 1 + n / 20;
  }
  CHECK(n > 80);
}

// --- frames that own what they use

using canary = std::shared_ptr<int>;

awaitable<> whole_server(pipe_end wire, canary alive) {
  session s(std::move(wire), role::server);
  s.async_run([alive](error_code) {});
  co_await serve_echo(s);
}

awaitable<> use_one(sub_stream s, canary alive) {
  const byte_string data = pattern(3000);
  byte_string back(data.size());
  co_await asio::async_write(s, asio::buffer(data), as_result);
  co_await asio::async_read(s, asio::buffer(back), as_result);
  co_await s.async_shutdown(as_result);
  co_await s.async_read_some(asio::buffer(back), as_result);
  alive.reset();
}

awaitable<> run_session(session& s, canary alive) {
  co_await s.async_run(as_result);
  alive.reset();
}

awaitable<> whole_client(pipe_end wire, canary alive) {
  session s(std::move(wire), role::client);
  co_await s.async_handshake(as_result);
  spawn(s.get_executor(), run_session(s, alive));
  for (int i = 0; i < 4; ++i) {
    auto opened = co_await s.async_open(to_tcp(), as_result);
    if (std::get<0>(opened)) co_return;
    if (i == 3) {
      co_await use_one(std::move(std::get<1>(opened)), alive);
    } else {
      spawn(s.get_executor(), use_one(std::move(std::get<1>(opened)), alive));
    }
  }
  co_await s.async_drain(as_result);
  s.close();
  co_await yield(20);
}

/// Everything lives in coroutine frames; the context goes after `n` handlers. False if all was over before.
bool destroy_context_after(std::size_t n, bool stranded) {
  const canary alive = std::make_shared<int>();
  bool more = true;
  {
    asio::io_context context;
    asio::any_io_executor executor = context.get_executor();
    if (stranded) executor = asio::make_strand(context);
    auto [a, b] = make_pipe(executor, 1000);
    spawn(executor, whole_client(std::move(a), alive));
    spawn(executor, whole_server(std::move(b), alive));
    for (; n > 0 && more; --n) more = context.poll_one() != 0;
  }
  CHECK(alive.use_count() == 1);
  return more;
}

/// Opens `n` pairs of sub-streams; the read that waits on each owns the next one.
void cross(session_pair& p, asio::io_context& context, ledger& all, std::size_t n) {
  std::vector<std::shared_ptr<sub_stream>> streams;
  const auto keep_stream = [&streams](error_code, sub_stream s) {
    streams.push_back(std::make_shared<sub_stream>(std::move(s)));
  };
  for (std::size_t i = 0; i < n; ++i) {
    p.client.async_open(to_tcp(), counted(all, keep_stream));
    p.server.async_accept(counted(all, keep_stream));
  }
  run_ready(context);
  static byte_string buffer(10);
  for (std::size_t i = 0; i < streams.size(); ++i) {
    const auto next = streams[(i + 1) % streams.size()];
    streams[i]->async_read_some(asio::buffer(buffer), counted(all, [next](error_code, std::size_t) {}));
    streams[i]->async_write_some(asio::buffer(bulk()), counted(all, [next](error_code, std::size_t) {}));
  }
}

}  // namespace

TEST_CASE("anything may be destroyed after any handler", "[session][teardown]") {
  for (const victim v : all_victims) tear_down_at_each_handler(v, false, false);
}

TEST_CASE("anything may be destroyed after any handler, on a strand", "[session][teardown]") {
  for (const victim v : all_victims) tear_down_at_each_handler(v, true, false);
}

TEST_CASE("anything may be destroyed from inside a handler", "[session][teardown]") {
  for (const victim v : {victim::client_streams, victim::server_streams, victim::client, victim::server}) {
    tear_down_at_each_handler(v, false, true);
    tear_down_at_each_handler(v, true, true);
  }
}

TEST_CASE("frames that own sessions and sub-streams die with their context", "[session][teardown]") {
  for (const bool stranded : {false, true}) {
    std::size_t n = 0;
    for (bool more = true; more; n += 1 + n / 30) {
      CAPTURE(n, stranded);
      more = destroy_context_after(n, stranded);
    }
    CHECK(n > 40);
  }
}

TEST_CASE("handlers that own each other's sub-streams die with their context", "[session][teardown]") {
  for (const std::size_t handlers : {0u, 1u, 3u, 10u, 30u, 100u}) {
    CAPTURE(handlers);
    ledger all;
    {
      asio::io_context context;
      session_pair p(context, session_options{}, 1000);
      cross(p, context, all, 5);
      for (std::size_t i = 0; i < handlers; ++i) context.poll_one();
    }
    CHECK(all.alive() == 0);
  }
}

TEST_CASE("handlers that own each other's sub-streams die with their session", "[session][teardown]") {
  for (const bool server_first : {false, true}) {
    CAPTURE(server_first);
    ledger all;
    asio::io_context context;
    session_pair p(context, session_options{}, 1000);
    cross(p, context, all, 5);
    run_ready(context);
    (server_first ? p.server : p.client).close();
    run_ready(context);
    (server_first ? p.client : p.server).close();
    run_ready(context);
    CHECK(all.called == all.begun);
    CHECK(all.alive() == 0);
  }
}

TEST_CASE("the waiter for the end of a session may own its sub-streams", "[session][teardown]") {
  for (const bool stranded : {false, true}) {
    auto context = std::make_unique<asio::io_context>();
    asio::any_io_executor executor = context->get_executor();
    if (stranded) executor = asio::make_strand(*context);
    auto [a, b] = make_pipe(executor);
    session client(std::move(a), role::client), server(std::move(b), role::server);
    auto owned = std::make_shared<sub_stream>();
    client.async_run([owned](error_code) { FAIL("it was never called"); });
    server.async_run(asio::detached);
    client.async_open(to_tcp(), [to = owned.get()](error_code, sub_stream s) { *to = std::move(s); });
    const std::weak_ptr<sub_stream> seen = std::exchange(owned, nullptr);
    run_ready(*context);
    REQUIRE(seen.lock()->is_open());
    executor = {};
    context.reset();
    CHECK(seen.expired());
  }
}
