// Each operation cancelled, by each type of cancellation, in each of its states; then at random moments under
// load. What is cancelled leaves no trace, or reports its exact bytes.
#include "conformance.hpp"
#include "wire_tap.hpp"

#include <asio/co_spawn.hpp>

using namespace io_test;
using asio::cancellation_signal;
using asio::cancellation_type;
using asio::error::operation_aborted;

namespace {

constexpr cancellation_type all_types[] = {cancellation_type::terminal, cancellation_type::partial,
                                           cancellation_type::total};

/// A running pair with one sub-stream open on both sides.
struct open_stream {
  explicit open_stream(open_request request = to_tcp(), session_options options = {},
                       std::size_t capacity = 65536)
      : pair(context, options, capacity) {
    outcome opened, accepted;
    pair.client.async_open(std::move(request), into(opened));
    pair.server.async_accept(into(accepted));
    run_ready(context);
    client = std::move(opened.stream);
    server = std::move(accepted.stream);
  }

  /// Reads what is there.
  byte_string read(sub_stream& s) {
    byte_string room(200'000);
    outcome o;
    cancellation_signal stop;
    s.async_read_some(asio::buffer(room), into(o, stop));
    run_ready(context);
    stop.emit(cancellation_type::total);
    run_ready(context);
    room.resize(o.n);
    return room;
  }
  byte_string read_all(sub_stream& s) {
    byte_string all;
    for (byte_string part = read(s); !part.empty(); part = read(s))
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }

  asio::io_context context;
  manual_clock clock{context};
  watched_pair pair;
  sub_stream client, server;
};

auto buffer_of(const_bytes b) { return asio::buffer(b.data(), b.size()); }

void cancel_handshake(role side, cancellation_type type, std::size_t capacity) {
  asio::io_context context;
  auto [a, b] = make_pipe(context.get_executor(), capacity);
  raw_peer peer(context, std::move(a));
  session s(std::move(b), side);
  cancellation_signal stop;
  outcome shaken, opened, after;
  s.async_handshake(into(shaken, stop));
  if (side == role::client) s.async_open(to_tcp(), into(opened));
  if (side == role::server) s.async_accept(into(opened));
  run_ready(context);
  REQUIRE(!shaken.done());
  stop.emit(type);
  CHECK(!shaken.done());
  run_ready(context);
  CHECK(shaken.is(operation_aborted));
  CHECK(opened.is(operation_aborted));
  CHECK(peer.ended() == asio::error::connection_reset);
  s.async_run(into(after));
  run_ready(context);
  CHECK(after.is(operation_aborted));
}

}  // namespace

TEST_CASE("a cancelled handshake closes the session", "[session][cancellation]") {
  for (const cancellation_type type : all_types) {
    for (const std::size_t capacity : {0u, 65536u}) {
      cancel_handshake(role::client, type, capacity);
      cancel_handshake(role::server, type, capacity);
    }
  }
}

TEST_CASE("a cancelled run closes the session, negotiating or not", "[session][cancellation]") {
  for (const cancellation_type type : all_types) {
    for (const bool negotiated : {false, true}) {
      asio::io_context context;
      auto [a, b] = make_pipe(context.get_executor());
      raw_peer peer(context, std::move(a));
      session s(std::move(b), role::client);
      cancellation_signal stop;
      outcome ran, opened, read;
      s.async_run(into(ran, stop));
      s.async_open(to_tcp(), into(opened));
      if (negotiated) peer.write(hello_0_1);
      run_ready(context);
      byte_string room(10);
      if (negotiated) opened.stream.async_read_some(asio::buffer(room), into(read));
      stop.emit(type);
      run_ready(context);
      CHECK(ran.is(operation_aborted));
      CHECK((negotiated ? read : opened).is(operation_aborted));
      CHECK(peer.ended() == asio::error::connection_reset);
    }
  }
}

TEST_CASE("a cancelled open sends nothing and takes no id", "[session][cancellation]") {
  for (const cancellation_type type : all_types) {
    asio::io_context context;
    auto [a, b] = make_pipe(context.get_executor());
    raw_peer peer(context, std::move(a));
    session s(std::move(b), role::client);
    s.async_run([](error_code) {});
    cancellation_signal stop, late;
    outcome first, second, third;
    s.async_open(to_tcp(), into(first, stop));
    s.async_open(to_tcp(), into(second));
    run_ready(context);
    stop.emit(type);
    run_ready(context);
    CHECK(first.is(operation_aborted));
    CHECK(!second.done());
    peer.take();
    peer.write(hello_0_1);
    CHECK(second.is({}));
    CHECK(second.stream.id() == 1);
    // Too late: it has happened already.
    s.async_open(to_tcp(), into(third, late));
    late.emit(type);
    run_ready(context);
    CHECK(third.is({}));
    CHECK(third.stream.id() == 2);
    CHECK(s.stats().streams == 2);
  }
}

TEST_CASE("a cancelled accept takes no sub-stream", "[session][cancellation]") {
  for (const cancellation_type type : all_types) {
    open_stream x;
    cancellation_signal stop, late;
    outcome first, second, third, opened;
    x.pair.server.async_accept(into(first, stop));
    x.pair.server.async_accept(into(second));
    stop.emit(type);
    run_ready(x.context);
    CHECK(first.is(operation_aborted));
    x.pair.client.async_open(to_tcp(), into(opened));
    run_ready(x.context);
    CHECK(second.is({}));
    CHECK(second.stream.is_open());
    // A sub-stream that is on its way to a handler gets there.
    x.pair.client.async_open(to_tcp(), into(opened));
    run_ready(x.context);
    x.pair.server.async_accept(into(third, late));
    late.emit(type);
    run_ready(x.context);
    CHECK(third.is({}));
    CHECK(third.stream.is_open());
  }
}

TEST_CASE("a read that is cancelled anywhere loses no byte", "[sub_stream][cancellation]") {
  for (const cancellation_type type : all_types) {
    open_stream x;
    byte_string room(100);
    cancellation_signal stop;
    outcome read, written;
    x.server.async_read_some(asio::buffer(room), into(read, stop));
    run_ready(x.context);
    stop.emit(type);
    run_ready(x.context);
    CHECK(read.is(operation_aborted));
    x.client.async_write_some(buffer_of(said_by(1, 0, 50)), into(written));
    run_ready(x.context);
    CHECK(is_said_by(1, 0, x.read(x.server)));
  }
}

TEST_CASE("a read that is cancelled at any moment reports its bytes", "[sub_stream][cancellation]") {
  bool came = false, was_cancelled = false;
  for (std::size_t handlers = 0; handlers < 30; ++handlers) {
    open_stream x;
    byte_string room(100);
    cancellation_signal stop;
    outcome read, written;
    x.server.async_read_some(asio::buffer(room), into(read, stop));
    x.client.async_write_some(buffer_of(said_by(1, 0, 50)), into(written));
    for (std::size_t i = 0; i < handlers; ++i) x.context.poll_one();
    stop.emit(cancellation_type::total);
    run_ready(x.context);
    REQUIRE(read.calls == 1);
    (read.error ? was_cancelled : came) = true;
    room.resize(read.n);
    const byte_string rest = x.read(x.server);
    room.insert(room.end(), rest.begin(), rest.end());
    CHECK(room.size() == 50);
    CHECK(is_said_by(1, 0, room));
  }
  CHECK(came);
  CHECK(was_cancelled);
}

TEST_CASE("a write that waits for credit is cancelled without a byte", "[sub_stream][cancellation]") {
  for (const cancellation_type type : all_types) {
    open_stream x;
    cancellation_signal stop;
    outcome first, second, third;
    x.client.async_write_some(buffer_of(said_by(1, 0, 65536)), into(first));
    run_ready(x.context);
    CHECK(first.n == 65536);
    x.client.async_write_some(buffer_of(said_by(9, 0, 1000)), into(second, stop));
    run_ready(x.context);
    stop.emit(type);
    run_ready(x.context);
    CHECK(second.is(operation_aborted));
    CHECK(second.n == 0);
    x.client.async_write_some(buffer_of(said_by(1, 65536, 1000)), into(third));
    const byte_string got = x.read_all(x.server);
    CHECK(got.size() == 66536);
    CHECK(is_said_by(1, 0, got));
    CHECK(third.is({}));
    x.pair.check();
  }
}

TEST_CASE("a write that is cancelled at any moment reports its bytes", "[sub_stream][cancellation]") {
  session_options options;
  options.session_out_buffer = options.read_buffer = 1024;
  bool nothing = false, something = false;
  for (std::size_t handlers = 0; handlers < 120; ++handlers) {
    open_stream x(to_tcp(), options, 10);
    outcome other, first, second;
    cancellation_signal stop;
    x.client.async_write_some(buffer_of(said_by(1, 0, 5000)), into(first, stop));
    for (std::size_t i = 0; i < handlers; ++i) x.context.poll_one();
    const std::uint64_t credit = x.client.stats().send_credit;
    stop.emit(cancellation_type::total);
    CHECK(x.client.stats().send_credit >= credit);
    run_ready(x.context);
    REQUIRE(first.calls == 1);
    CHECK((first.n == 0) == (first.error == operation_aborted));
    (first.n == 0 ? nothing : something) = true;
    CHECK(x.client.stats().send_credit == 65536 - first.n);
    x.client.async_write_some(buffer_of(said_by(1, first.n, 700)), into(second));
    const byte_string got = x.read_all(x.server);
    CHECK(got.size() == first.n + 700);
    CHECK(is_said_by(1, 0, got));
    x.pair.check();
  }
  CHECK(nothing);
  CHECK(something);
}

TEST_CASE("a queued write is cancelled without a byte, its credit comes back", "[sub_stream][cancellation]") {
  open_stream x(to_tcp(), {}, 0);
  outcome opened, accepted, first, second;
  x.pair.client.async_open(to_tcp(), into(opened));
  x.pair.server.async_accept(into(accepted));
  run_ready(x.context);
  cancellation_signal stop;
  x.client.async_write_some(buffer_of(said_by(1, 0, 40'000)), into(first));
  x.context.poll_one();  // it is on the wire now, and the wire is slow
  opened.stream.async_write_some(buffer_of(said_by(2, 0, 40'000)), into(second, stop));
  stop.emit(cancellation_type::terminal);
  run_ready(x.context);
  CHECK(second.is(operation_aborted));
  CHECK(opened.stream.stats().send_credit == 65536);
  CHECK(is_said_by(1, 0, x.read_all(x.server)));
  CHECK(x.read_all(accepted.stream).empty());
}

TEST_CASE("a cancelled shutdown ends nothing", "[sub_stream][cancellation]") {
  for (const cancellation_type type : all_types) {
    open_stream x;
    cancellation_signal stop;
    outcome first, second, shut, again;
    x.client.async_write_some(buffer_of(said_by(1, 0, 65536)), into(first));
    run_ready(x.context);
    x.client.async_write_some(buffer_of(said_by(1, 65536, 100)), into(second));
    x.client.async_shutdown(into(shut, stop));
    run_ready(x.context);
    stop.emit(type);
    run_ready(x.context);
    CHECK(shut.is(operation_aborted));
    CHECK(x.read_all(x.server).size() == 65636);
    CHECK(second.is({}));
    CHECK(x.pair.client.stats().ends_sent.empty());
    outcome more;
    x.client.async_write_some(buffer_of(said_by(1, 65636, 100)), into(more));
    run_ready(x.context);
    CHECK(more.is({}));
    x.client.async_shutdown(into(again));
    run_ready(x.context);
    CHECK(again.is({}));
    CHECK(x.read_all(x.server).size() == 100);
    CHECK(x.pair.client.stats().ends_sent.at(end_code::graceful) == 1);
  }
}

TEST_CASE("a cancelled drain goes on draining", "[session][cancellation]") {
  for (const cancellation_type type : all_types) {
    open_stream x;
    cancellation_signal stop;
    outcome first, second, refused;
    x.pair.client.async_drain(into(first, stop));
    run_ready(x.context);
    stop.emit(type);
    run_ready(x.context);
    CHECK(first.is(operation_aborted));
    x.pair.client.async_open(to_tcp(), into(refused));
    x.pair.client.async_drain(into(second));
    run_ready(x.context);
    CHECK(refused.is(errc::draining));
    CHECK(!second.done());
    x.client = sub_stream();
    x.server = sub_stream();
    run_ready(x.context);
    CHECK(second.is({}));
  }
}

TEST_CASE("a cancelled receive loses no datagram, a cancelled send has sent",
          "[sub_datagram][cancellation]") {
  for (const cancellation_type type : all_types) {
    asio::io_context context;
    session_pair p(context);
    outcome opened, accepted, first, second, sent;
    p.client.async_open(to_udp(), into(opened));
    p.server.async_accept(into(accepted));
    run_ready(context);
    sub_datagram from(std::move(opened.stream)), to(std::move(accepted.stream));
    byte_string room(1000);
    host_port source;
    cancellation_signal stop, late;
    to.async_receive_from(asio::buffer(room), source, into(first, stop));
    run_ready(context);
    stop.emit(type);
    run_ready(context);
    CHECK(first.is(operation_aborted));
    from.async_send_to(buffer_of(said_by(1, 0, 300)), host_port{"192.0.2.1", 1}, into(sent, late));
    late.emit(type);
    run_ready(context);
    CHECK(sent.is({}));
    to.async_receive_from(asio::buffer(room), source, into(second));
    run_ready(context);
    CHECK(second.is({}));
    CHECK(second.n == 300);
    CHECK(source == host_port{"192.0.2.1", 1});
  }
}

TEST_CASE("a coroutine that is cancelled stops where it waits, and the session goes on",
          "[session][cancellation]") {
  open_stream x;
  cancellation_signal stop;
  bool ended = false;
  sub_stream& s = x.server;
  asio::co_spawn(x.context, count_bytes(s, 100),
                 asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr) { ended = true; }));
  run_ready(x.context);
  stop.emit(cancellation_type::terminal);
  run_ready(x.context);
  CHECK(ended);
  outcome written;
  x.client.async_write_some(buffer_of(said_by(1, 0, 50)), into(written));
  run_ready(x.context);
  CHECK(is_said_by(1, 0, x.read(x.server)));
}
