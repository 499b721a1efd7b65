// Sessions of Mux.Cool against literal bytes of V2Ray and Xray, against each other, and with
// consumers that do not read.
#include "session_support.hpp"

#include <muxpro/client_pool.hpp>

#include <asio/detached.hpp>

namespace session_mux_cool {

using namespace io_test;

session_options cool(session_options o = quiet()) {
  o.speaks = dialect::mux_cool;
  return o;
}

/// Runs `work` with a session of Mux.Cool against a scripted peer.
void with_cool_script(role side, const std::function<awaitable<>(scripted_session&)>& work,
                      session_options o = quiet()) {
  with_script(
      side,
      [&work](scripted_session& s) {
        s.peer.agreed(version_0_1, dialect::mux_cool);
        return work(s);
      },
      cool(std::move(o)));
}

open_request to_example(std::string_view first_data = {}) {
  open_request r({network::tcp, "example.com", 443});
  r.first_data = to_bytes(first_data);
  return r;
}

const char* const new_of_example = "0014 0001 01 00 01 01bb 02 0b 6578616d706c652e636f6d";

// --- against bytes

awaitable<> client_of_bytes(scripted_session& s) {
  sub_stream stream = co_await s.subject.async_open(to_example("hello"));
  co_await s.peer.expect("0014 0001 01 01 01 01bb 02 0b 6578616d706c652e636f6d 0005 68656c6c6f");
  co_await write_text(stream, "world");
  co_await s.peer.expect("0004 0001 02 01 0005 776f726c64");
  co_await stream.async_shutdown();
  co_await s.peer.expect_silence(1s);  // an End would cost the answer
  co_await s.peer.send("0004 0001 02 01 0002 6f6b");
  const std::string answer = co_await read_text(stream, 2);
  CHECK(answer == "ok");
  co_await s.peer.send("0004 0001 03 00");
  co_await s.peer.expect("0004 0001 03 00");
  const read_result rest = co_await read_all(stream);
  CHECK(rest.error == asio::error::eof);
}

awaitable<> server_of_bytes(scripted_session& s) {
  co_await s.peer.send("0014 0001 01 01 01 01bb 02 0b 6578616d706c652e636f6d 0005 68656c6c6f");
  sub_stream stream = co_await s.subject.async_accept();
  CHECK(stream.target() == destination(network::tcp, "example.com", 443));
  const std::string request = co_await read_text(stream, 5);
  CHECK(request == "hello");
  co_await write_text(stream, "ok");
  co_await stream.async_shutdown();
  co_await s.peer.expect("0004 0001 02 01 0002 6f6b 0004 0001 03 00");
  co_await s.peer.send("0004 0001 02 01 0004 6c617465 0004 0001 03 02");
  const read_result rest = co_await read_all(stream);
  CHECK(rest.text() == "late");
  CHECK(rest.error == asio::error::eof);
  co_await s.peer.expect_silence(1s);
}

awaitable<> peer_closes_both(scripted_session& s) {
  co_await s.peer.send(new_of_example);
  sub_stream stream = co_await s.subject.async_accept();
  co_await s.peer.send("0004 0001 02 01 0003 656e64 0004 0001 03 00");
  co_await s.peer.expect("0004 0001 03 00");
  const auto [error, n] = co_await stream.async_write_some(asio::buffer("x", 1), as_result);
  CHECK(error == asio::error::broken_pipe);
  const read_result rest = co_await read_all(stream);
  CHECK(rest.text() == "end");
  CHECK(rest.error == asio::error::eof);
  co_await stream.async_shutdown();
  co_await s.peer.expect_silence(1s);
}

awaitable<> peer_resets(scripted_session& s) {
  co_await s.peer.send(new_of_example);
  sub_stream stream = co_await s.subject.async_accept();
  co_await s.peer.send("0004 0001 02 01 0003 656e64 0004 0001 03 02");
  co_await s.peer.expect("0004 0001 03 00");
  const read_result rest = co_await read_all(stream);
  CHECK(rest.error == end_code::remote_disconnect);
}

awaitable<> ends_before_it_is_accepted(scripted_session& s) {
  co_await s.peer.send(std::string(new_of_example) + "0004 0001 02 01 0003 656e64 0004 0001 03 00");
  co_await s.peer.expect("0004 0001 03 00");
  sub_stream stream = co_await s.subject.async_accept();
  const read_result all = co_await read_all(stream);
  CHECK(all.text() == "end");
  CHECK(all.error == asio::error::eof);
  // Another one is never accepted.
  co_await s.peer.send("0014 0002 01 00 01 01bb 02 0b 6578616d706c652e636f6d 0004 0002 03 00");
  co_await s.peer.expect("0004 0002 03 00");
}

awaitable<> stray_frames(scripted_session& s) {
  co_await s.peer.send("0004 0009 02 01 0001 aa");
  co_await s.peer.expect("0004 0009 03 02");
  co_await s.peer.send("0004 0009 03 01 0002 abcd 0004 0007 04 01 0001 aa");
  co_await s.peer.send(new_of_example);
  sub_stream stream = co_await s.subject.async_accept();
  CHECK(s.subject.is_open());
  stream.reset(end_code::unreachable);
  co_await s.peer.expect("0004 0001 03 02");
}

awaitable<> lingering_end(scripted_session& s) {
  sub_stream stream = co_await s.subject.async_open(to_example());
  co_await s.peer.expect(new_of_example);
  co_await stream.async_shutdown();
  co_await s.peer.expect_silence(4s);
  co_await s.peer.send("0004 0001 02 01 0001 61");
  co_await s.peer.expect_silence(4s);
  co_await s.peer.expect("0004 0001 03 00");
}

awaitable<> long_first_data(scripted_session& s) {
  sub_stream stream = co_await s.subject.async_open(to_example(std::string(20'000, 'f')));
  std::vector<std::size_t> sizes;
  for (int i = 0; i < 3; ++i) {
    const auto f = co_await s.peer.expect_frame();
    sizes.push_back(f.payload.size());
  }
  CHECK(sizes == std::vector<std::size_t>{8192, 8192, 3616});
  const byte_string more = pattern(100'000);
  stream.async_write_some(asio::buffer(more), [](error_code, std::size_t) {});
  for (std::size_t got = 0; got < more.size();) {
    const auto f = co_await s.peer.expect_frame();
    CHECK(f.payload.size() <= 8192);
    got += f.payload.size();
  }
}

// --- datagrams

const global_id socket_name{0x9e, 0x59, 0xbb, 0x8d, 0xc7, 0xc4, 0xf9, 0x8e};

awaitable<> datagrams_of_bytes(scripted_session& s) {
  open_request r({network::udp, address::v4({1, 2, 3, 4}), 3478});
  r.source = socket_name;
  r.first_data = muxpro::testing::from_hex("abcd");
  sub_datagram udp(co_await s.subject.async_open(std::move(r)));
  CHECK(udp.id() == 0);
  co_await s.peer.expect("0014 0000 01 01 02 0d96 01 01020304 9e59bb8dc7c4f98e 0002 abcd");
  const host_port there("8.8.8.8", 53);
  co_await udp.async_send_to(asio::buffer("hi", 2), there);
  co_await s.peer.expect("000c 0000 02 01 02 0035 01 08080808 0002 6869");
  co_await s.peer.send("000c 0000 02 01 02 0035 01 08080404 0002 796f 0004 0000 02 01 0001 7a");
  std::array<char, 9> room{};
  host_port from;
  const std::size_t n = co_await udp.async_receive_from(asio::buffer(room), from);
  CHECK(std::string(room.data(), n) == "yo");
  CHECK(from == host_port(address::v4({8, 8, 4, 4}), 53));
  co_await udp.async_receive_from(asio::buffer(room), from);
  CHECK(from == host_port(address::v4({1, 2, 3, 4}), 3478));
  const auto [again, none] = co_await s.subject.async_open(to_udp(), as_result);
  CHECK(again == errc::draining);
  udp.close();
  co_await s.peer.expect("0004 0000 03 00");
  co_await s.peer.send("0004 0000 03 00");
  co_await s.peer.expect_eof();
}

awaitable<> longest_datagram(scripted_session& s) {
  sub_datagram udp(co_await s.subject.async_open(to_udp()));
  co_await s.peer.expect_frame();
  const byte_string most = pattern(8192 - 666 + 1);
  const auto [error, n] = co_await udp.async_send(asio::buffer(most), as_result);
  CHECK(error == errc::datagram_too_large);
  CHECK(udp.stats().datagrams_dropped_out == 1);
  co_await udp.async_send(asio::buffer(most.data(), most.size() - 1));
  const auto sent = co_await s.peer.expect_frame();
  CHECK(sent.payload.size() == most.size() - 1);
}

// --- in front of the first frame

awaitable<> heads_of_both(scripted_session& s) {
  sub_stream stream = co_await s.subject.async_open(to_example());
  co_await s.peer.expect("6b6579" + std::string(new_of_example));
  co_await s.peer.send("00");
  co_await s.peer.send("00 0004 0001 02");
  co_await s.peer.send("01 0002 6f6b");
  const std::string answer = co_await read_text(stream, 2);
  CHECK(answer == "ok");
}

std::size_t two_zeros(std::span<const std::byte> so_far, std::error_code& ec) {
  if (so_far[0] != std::byte{0}) ec = errc::bad_answer;
  return so_far.size() < 2 ? 0 : 2;
}

awaitable<> wrong_head(scripted_session& s) {
  sub_stream stream = co_await s.subject.async_open(to_example());
  co_await s.peer.expect(new_of_example);
  co_await s.peer.send("ff");
  const read_result r = co_await read_all(stream);
  CHECK(r.error == errc::bad_answer);
}

// --- consumers that do not read

constexpr std::size_t queue_size = 256 * 1024;

/// Sends for as long as it may.
awaitable<> flood(sub_stream& s, std::uint64_t& sent) {
  const byte_string data = pattern(8192);
  for (;;) {
    const auto [error, n] = co_await asio::async_write(s, asio::buffer(data), as_result);
    if (error) co_return;
    sent += n;
  }
}

/// A piece of data every 10 ms.
awaitable<> pace(sub_stream& s) {
  const byte_string data = pattern(1000);
  for (;;) {
    co_await sleep_for(10ms);
    const auto [error, n] = co_await asio::async_write(s, asio::buffer(data), as_result);
    if (error) co_return;
  }
}

awaitable<> take(sub_stream& s, std::uint64_t& taken) {
  byte_string room(65536);
  for (;;) {
    const auto [error, n] = co_await s.async_read_some(asio::buffer(room), as_result);
    if (error) co_return;
    taken += n;
  }
}

/// Until no coroutine uses a sub-stream any more.
awaitable<> over(session_pair& p) {
  p.client.close();
  p.server.close();
  co_await sleep_for(1s);
}

struct cool_pair {
  explicit cool_pair(session_options o = quiet()) : clock(context), sessions(context, cool(std::move(o))) {}
  void run(awaitable<> work) { io_test::run(clock, context, std::move(work)); }

  asio::io_context context;
  manual_clock clock;
  session_pair sessions;
};

awaitable<> one_of_sixteen_stalls(session_pair& p) {
  const auto executor = p.client.get_executor();
  std::vector<stream_pair> all;
  for (int i = 0; i < 16; ++i) all.push_back(co_await open_pair(p));
  std::vector<std::uint64_t> taken(16);
  std::uint64_t sent = 0;
  for (std::size_t i = 1; i < 16; ++i) {
    spawn(executor, pace(all[i].client));
    spawn(executor, take(all[i].server, taken[i]));
  }
  spawn(executor, flood(all[0].client, sent));
  co_await sleep_for(3s);
  for (std::size_t i = 1; i < 16; ++i) CHECK(taken[i] >= 270'000);
  CHECK(sent <= 2 * queue_size);
  const read_result stalled = co_await read_all(all[0].server);
  CHECK(stalled.error == errc::stream_timeout);
  const read_result told = co_await read_all(all[0].client);
  CHECK(told.error == end_code::remote_disconnect);
  co_await over(p);
}

awaitable<> alone_it_waits(session_pair& p) {
  const auto executor = p.client.get_executor();
  stream_pair only = co_await open_pair(p);
  std::uint64_t sent = 0;
  spawn(executor, flood(only.client, sent));
  co_await sleep_for(200s);
  const std::uint64_t before = sent;
  CHECK(before < 2 * queue_size);
  const std::string text = co_await read_text(only.server, before + queue_size);
  CHECK(text.substr(before, 8192) == to_text(pattern(8192)));
  co_await over(p);
}

awaitable<> company_ends_the_wait(session_pair& p) {
  const auto executor = p.client.get_executor();
  stream_pair slow = co_await open_pair(p);
  std::uint64_t received = 0;
  spawn(executor, flood(slow.server, received));
  co_await sleep_for(10s);
  CHECK(p.client.stats().streams == 1);
  stream_pair other = co_await open_pair(p);
  co_await write_text(other.server, "late");
  const std::string text = co_await read_text(other.client, 4);
  CHECK(text == "late");
  const read_result r = co_await read_all(slow.client);
  CHECK(r.error == errc::stream_timeout);
  co_await over(p);
}

/// Reads all that there is, in time.
awaitable<> slow_but_awake(session_pair& p) {
  const auto executor = p.client.get_executor();
  stream_pair slow = co_await open_pair(p), other = co_await open_pair(p);
  std::uint64_t sent = 0;
  spawn(executor, flood(slow.client, sent));
  byte_string room(8192);
  for (int i = 0; i < 100; ++i) {
    co_await sleep_for(90ms);
    const auto [error, n] = co_await asio::async_read(slow.server, asio::buffer(room), as_result);
    REQUIRE_FALSE(error);
  }
  CHECK(p.server.stats().streams == 2);
  co_await over(p);
}

/// The consumer of all that fills a session, whose own first byte could not be written.
awaitable<> slow_behind_a_failed_write(session& server, scripted_peer& peer, bool& done) {
  co_await peer.send(new_of_example);
  sub_stream stream = co_await server.async_accept();
  constexpr std::size_t frames = 2 * queue_size / 8192;
  for (std::size_t i = 0; i < frames; ++i) co_await peer.send(data_frame(1, 8192), pattern(8192));
  co_await write_text(stream, "x");
  co_await sleep_for(60s);
  const read_result all = co_await read_all(stream);
  CHECK(all.data.size() == frames * 8192);
  CHECK(all.error == asio::error::broken_pipe);
  done = true;
}

}  // namespace session_mux_cool

using namespace session_mux_cool;

TEST_CASE("Mux.Cool: a client, byte by byte", "[session][mux_cool]") {
  with_cool_script(role::client, client_of_bytes);
}

TEST_CASE("Mux.Cool: a server, byte by byte", "[session][mux_cool]") {
  with_cool_script(role::server, server_of_bytes);
}

TEST_CASE("Mux.Cool: behind the peer's End what came is read, and writing is over", "[session][mux_cool]") {
  with_cool_script(role::server, peer_closes_both);
}

TEST_CASE("Mux.Cool: a sub-stream may be over before it is accepted", "[session][mux_cool]") {
  with_cool_script(role::server, ends_before_it_is_accepted);
}

TEST_CASE("Mux.Cool: an End with the error bit is a reset", "[session][mux_cool]") {
  with_cool_script(role::server, peer_resets);
}

TEST_CASE("Mux.Cool: stray frames are answered or skipped", "[session][mux_cool]") {
  with_cool_script(role::server, stray_frames);
}

TEST_CASE("Mux.Cool: a client's End goes out when the answer has paused for half_close_linger",
          "[session][mux_cool]") {
  session_options o = quiet();
  o.half_close_linger = 5s;
  with_cool_script(role::client, lingering_end, o);
}

TEST_CASE("Mux.Cool: no frame that is sent has more than 8192 bytes", "[session][mux_cool]") {
  with_cool_script(role::client, long_first_data);
}

TEST_CASE("Mux.Cool: single XUDP, byte by byte", "[session][mux_cool][datagram]") {
  session_options o = quiet();
  o.single = true;
  with_cool_script(role::client, datagrams_of_bytes, o);
}

TEST_CASE("Mux.Cool: datagrams that Xray cannot take are dropped and counted",
          "[session][mux_cool][datagram]") {
  with_cool_script(role::client, longest_datagram);
}

TEST_CASE("a session begins with heads that are no frames", "[session][mux_cool]") {
  session_options o = quiet();
  o.head = to_bytes("key");
  o.peers_head = two_zeros;
  with_cool_script(role::client, heads_of_both, o);
  o.head.clear();
  with_cool_script(role::client, wrong_head, o);
}

TEST_CASE("Mux.Cool: one stalled sub-stream among 16 leaves the others their throughput",
          "[session][mux_cool]") {
  cool_pair p;
  p.run(one_of_sixteen_stalls(p.sessions));
}

TEST_CASE("Mux.Cool: a sub-stream that is alone may stay unread", "[session][mux_cool]") {
  session_options o = quiet();
  o.write_stall_timeout = 1h;
  cool_pair p(o);
  p.run(alone_it_waits(p.sessions));
}

TEST_CASE("Mux.Cool: an unread sub-stream that gets company ends", "[session][mux_cool]") {
  cool_pair p;
  p.run(company_ends_the_wait(p.sessions));
}

TEST_CASE("Mux.Cool: a consumer that goes on within the grace keeps its sub-stream", "[session][mux_cool]") {
  cool_pair p;
  p.run(slow_but_awake(p.sessions));
}

TEST_CASE("Mux.Cool: behind a failed write the session rests while the consumer does",
          "[session][mux_cool]") {
  asio::io_context context;
  manual_clock clock(context);
  auto [near, far] = make_pipe(context.get_executor(), 4 * queue_size);
  scripted_peer peer(std::move(near));
  peer.agreed(version_0_1, dialect::mux_cool);
  fault_options faults;
  faults.write.fail_at = 0;
  faults.error = asio::error::broken_pipe;
  session server(faulty_stream(std::move(far), faults), role::server, cool());
  const fate ended = run_in_background(server);
  bool done = false;
  io_test::run(clock, context, slow_behind_a_failed_write(server, peer, done));
  CHECK(done);
  CHECK(ended->has_value());
}

TEST_CASE("Mux.Cool: closing with a full queue completes everything", "[session][mux_cool]") {
  cool_pair p;
  stream_pair only;
  std::uint64_t sent = 0;
  auto fill = [](session_pair& s, stream_pair& into, std::uint64_t& n) -> awaitable<> {
    into = co_await open_pair(s);
    spawn(s.client.get_executor(), flood(into.client, n));
    co_await sleep_for(1s);
    s.server.close();
    co_await yield();
  };
  p.run(fill(p.sessions, only, sent));
  CHECK(p.sessions.server_fate->has_value());
}

TEST_CASE("Mux.Cool: a pool opens nothing more on a main connection whose queue was full",
          "[client_pool][mux_cool]") {
  asio::io_context context;
  manual_clock clock(context);
  std::vector<session> servers;
  auto dial = [&]() -> awaitable<pipe_end> {
    auto [a, b] = make_pipe(context.get_executor(), 65536);
    servers.emplace_back(std::move(b), role::server, cool());
    servers.back().async_run(asio::detached);
    co_return std::move(a);
  };
  client_pool_options o;
  o.session = cool();
  client_pool pool(context.get_executor(), dial, o);
  auto work = [&]() -> awaitable<> {
    sub_stream slow = co_await pool.async_open(to_tcp());
    sub_stream source = co_await servers[0].async_accept();
    std::uint64_t sent = 0;
    spawn(context, flood(source, sent));
    co_await sleep_for(1s);
    sub_stream next = co_await pool.async_open(to_tcp());
    CHECK(servers.size() == 2);
    CHECK(pool.stats().retired == 1);
    pool.close();
    for (session& s : servers) s.close();
    co_await yield();
  };
  io_test::run(clock, context, work());
}
