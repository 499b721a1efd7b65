// One of each asynchronous operation of the library, in a state in which it waits. Compiles with every Asio
// from 1.22.
#pragma once

#include "catch.hpp"
#include "support.hpp"

#include <muxpro.hpp>

#include <asio/detached.hpp>
#include <asio/version.hpp>
#include <asio/write.hpp>
#if __has_include(<asio/deferred.hpp>)
#include <asio/deferred.hpp>
#else
#include <asio/experimental/deferred.hpp>
#endif

#include <string>
#include <utility>

namespace tokens_test {

using namespace muxpro;
using namespace std::chrono_literals;
using test::as_result;

template <class T = void>
using awaitable = asio::awaitable<T>;

#if __has_include(<asio/deferred.hpp>)
inline constexpr auto deferred = asio::deferred;
#else
inline constexpr auto deferred = asio::experimental::deferred;
#endif

inline awaitable<pipe_end> never_dialled() {
  counted_timer forever(co_await asio::this_coro::executor, 1h);
  co_await forever.async_wait(asio::use_awaitable);
  co_return pipe_end();
}

inline open_request to(network net) { return open_request({net, "example.com", 80}); }

/// Two sessions with sub-streams, two that get no answer, and everything else that has operations.
struct stage {
  explicit stage(asio::io_context& context)
      : io(context),
        wires{make_pipe(ex()), make_pipe(ex()), make_pipe(ex(), 0), make_pipe(ex()), make_pipe(ex())},
        client(std::move(wires[0].first), role::client),
        server(std::move(wires[0].second), role::server),
        unanswered(std::move(wires[1].first), role::client),
        pool(ex(), [] { return never_dialled(); }),
        permits(ex()) {
    test::run(io, open_all());
  }
  asio::any_io_executor ex() const { return io.get_executor(); }

  awaitable<> open_all() {
    client.async_run(asio::detached);
    server.async_run(asio::detached);
    for (sub_stream* s : {&full, &ending, &quiet}) {
      *s = co_await client.async_open(to(network::tcp));
      accepted.push_back(co_await server.async_accept());
    }
    sub_stream udp = co_await client.async_open(to(network::udp));
    datagrams = sub_datagram(std::move(udp));
    accepted.push_back(co_await server.async_accept());
    for (sub_stream* s : {&full, &ending})
      co_await asio::async_write(*s, asio::buffer(window), asio::use_awaitable);
    ending.async_write_some(asio::buffer(window), asio::detached);
  }

  asio::io_context& io;
  std::pair<pipe_end, pipe_end> wires[5];
  session client, server, unanswered;
  client_pool pool;
  semaphore permits;
  one_shot outcome;
  std::string window = std::string(65536, 'x'), buffer = std::string(10, ' ');
  host_port from;
  std::vector<sub_stream> accepted;
  sub_stream full, ending, quiet;  ///< without credit; the same with a write that waits; nothing to read
  sub_datagram datagrams;
};

/// Calls visit(name, start) for each operation that can wait; start(token) starts it.
template <class Visit>
void each_operation(stage& s, Visit visit) {
  visit("session::async_open", [&](auto&& t) { return s.unanswered.async_open(to(network::tcp), t); });
  visit("session::async_handshake", [&](auto&& t) { return s.unanswered.async_handshake(t); });
  visit("session::async_accept", [&](auto&& t) { return s.server.async_accept(t); });
  visit("session::async_drain", [&](auto&& t) { return s.client.async_drain(t); });
  visit("sub_stream::async_shutdown", [&](auto&& t) { return s.ending.async_shutdown(t); });
  visit("sub_stream::async_wait_cut", [&](auto&& t) { return s.ending.async_wait_reset(t); });
  visit("sub_stream::async_write_some",
        [&](auto&& t) { return s.full.async_write_some(asio::buffer(s.buffer), t); });
  visit("sub_stream::async_read_some",
        [&](auto&& t) { return s.quiet.async_read_some(asio::buffer(s.buffer), t); });
  visit("sub_datagram::async_receive_from",
        [&](auto&& t) { return s.datagrams.async_receive_from(asio::buffer(s.buffer), s.from, t); });
  visit("client_pool::async_open", [&](auto&& t) { return s.pool.async_open(to(network::tcp), t); });
  visit("pipe_end::async_read_some",
        [&](auto&& t) { return s.wires[2].first.async_read_some(asio::buffer(s.buffer), t); });
  visit("pipe_end::async_write_some",
        [&](auto&& t) { return s.wires[2].first.async_write_some(asio::buffer(s.buffer), t); });
  visit("semaphore::async_acquire", [&](auto&& t) { return s.permits.async_acquire(1, t); });
  visit("semaphore::async_acquire_some", [&](auto&& t) { return s.permits.async_acquire_some(1, t); });
  visit("one_shot::async_wait", [&](auto&& t) { return s.outcome.async_wait(s.ex(), t); });
  visit("async_relay",
        [&](auto&& t) { return async_relay(s.wires[3].first, s.wires[4].first, relay_options(), t); });
}

/// Those that complete at once, or end the object that they belong to.
template <class Visit>
void each_other_operation(stage& s, Visit visit) {
  visit("sub_datagram::async_send",
        [&](auto&& t) { return s.datagrams.async_send(asio::buffer(s.buffer), t); });
  visit("sub_datagram::async_send_to", [&](auto&& t) {
    return s.datagrams.async_send_to(asio::buffer(s.buffer), {"1.2.3.4", 5}, t);
  });
  visit("sub_datagram::async_shutdown", [&](auto&& t) { return s.datagrams.async_shutdown(t); });
  visit("pipe_end::async_shutdown", [&](auto&& t) { return s.wires[2].first.async_shutdown(t); });
  visit("session::async_run", [&](auto&& t) { return s.unanswered.async_run(t); });
  visit("client_pool::async_drain", [&](auto&& t) { return s.pool.async_drain(t); });
}

}  // namespace tokens_test
