// What is on its way in one direction of a relay when the other one fails.
#include "relay_support.hpp"

#include <asio/ip/tcp.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/ssl.hpp>

#include <sys/ioctl.h>

using namespace io_test;

namespace {

using asio::ip::tcp;
using local = asio::local::stream_protocol;
const error_code broken_pipe = asio::error::broken_pipe;

constexpr std::size_t tail_size = 1 << 20;

template <class Socket>
std::size_t queue_of(Socket& s) {
  int n = 0;
  ::ioctl(s.native_handle(), TIOCOUTQ, &n);
  return static_cast<std::size_t>(n);
}

/// Two sockets that hold little on the way to `near` and much on the way to `far`.
std::pair<tcp::socket, tcp::socket> tcp_ends(asio::io_context& context) {
  tcp::acceptor acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  std::pair<tcp::socket, tcp::socket> out{tcp::socket(context, tcp::v4()), tcp::socket(context)};
  out.first.set_option(asio::socket_base::receive_buffer_size(16384));
  out.first.connect(acceptor.local_endpoint());
  acceptor.accept(out.second);
  return out;
}

template <class Socket>
std::string read_slowly(asio::io_context& context, Socket& s, error_code& how) {
  std::string all;
  std::array<char, 10'000> room;
  s.non_blocking(true);
  for (how = {}; !how;) {
    const std::size_t n = s.read_some(asio::buffer(room), how);
    all.append(room.data(), n);
    if (how == asio::error::would_block || how == asio::error::try_again) how = {};
    context.poll();
    context.restart();
  }
  return all;
}

void poll_for(asio::io_context& context, duration d) {
  for (const auto end = std::chrono::steady_clock::now() + d; std::chrono::steady_clock::now() < end;) {
    context.restart();
    context.poll();
  }
}

template <class Socket>
void abort(Socket& s) {
  s.set_option(asio::socket_base::linger(true, 0));
  s.close();
}

const byte_string tail_bytes = pattern(tail_size);
std::string tail_text() { return {reinterpret_cast<const char*>(tail_bytes.data()), tail_bytes.size()}; }

/// reader <-> near, relayed to far <-> sender. The sender has written everything, and the kernel of the relay
/// has it; the reader has read nothing.
struct slow_reader {
  explicit slow_reader(bool reader_is_a) : near(tcp_ends(context)), far(tcp_ends(context)) {
    reader().set_option(asio::ip::tcp::no_delay(true));
    sender().non_blocking(true);
    if (reader_is_a)
      async_relay(near.second, far.second, limits(), keep_relay_outcome{&out});
    else
      async_relay(far.second, near.second, limits(), keep_relay_outcome{&out});
  }
  static relay_options limits() {
    relay_options o;
    o.linger = 300ms;
    o.uplink_only = o.downlink_only = 400ms;
    return o;
  }
  tcp::socket& reader() { return near.first; }
  tcp::socket& sender() { return far.first; }
  void send_all() {
    std::size_t sent = 0;
    asio::async_write(sender(), asio::buffer(tail_bytes), [&](error_code, std::size_t n) { sent = n; });
    test::run_until(context, [&] { return sent == tail_bytes.size() && queue_of(sender()) == 0; });
  }
  /// The reader writes, and the sender, which is gone, answers with RST.
  void provoke() {
    for (int i = 0; i < 3; ++i) {
      asio::write(reader(), asio::buffer("window update", 13));
      poll_for(context, 5ms);
    }
  }

  asio::io_context context;
  std::pair<tcp::socket, tcp::socket> near, far;
  relay_outcome out;
};

}  // namespace

TEST_CASE("a tail arrives although the side that sent it takes no more", "[relay][tail]") {
  const bool reader_is_a = GENERATE(true, false);
  slow_reader r(reader_is_a);
  r.send_all();
  r.sender().close();
  r.provoke();
  error_code how;
  CHECK(read_slowly(r.context, r.reader(), how) == tail_text());
  CHECK(how == eof);
  r.reader().close();
  test::run_until(r.context, [&] { return r.out.done(); });
  CHECK(r.out.is(broken_pipe));
  CHECK(r.out.result.failed == (reader_is_a ? relay_side::b : relay_side::a));
  CHECK((reader_is_a ? r.out.result.b_to_a : r.out.result.a_to_b) == tail_size);
}

TEST_CASE("a side that got a tail and stays silent is closed in time", "[relay][tail]") {
  slow_reader r(true);
  r.send_all();
  r.sender().close();
  r.provoke();
  error_code how;
  CHECK(read_slowly(r.context, r.reader(), how) == tail_text());
  test::run_until(r.context, [&] { return r.out.done(); });
  CHECK(r.out.is(broken_pipe));
}

TEST_CASE("a limit does not end a relay whose peer still takes bytes", "[relay][tail]") {
  slow_reader r(true);
  r.send_all();
  r.sender().close();
  poll_for(r.context, 900ms);
  CHECK_FALSE(r.out.done());
  r.provoke();
  error_code how;
  CHECK(read_slowly(r.context, r.reader(), how) == tail_text());
  CHECK(how == eof);
}

TEST_CASE("a reset comes behind the bytes before it", "[relay][tail]") {
  const bool reader_is_a = GENERATE(true, false);
  slow_reader r(reader_is_a);
  r.send_all();
  abort(r.sender());
  poll_for(r.context, 20ms);
  error_code how;
  CHECK(read_slowly(r.context, r.reader(), how) == tail_text());
  CHECK(how == reset);
  test::run_until(r.context, [&] { return r.out.done(); });
  CHECK(r.out.is(reset));
  CHECK(r.out.result.failed == (reader_is_a ? relay_side::b : relay_side::a));
}

TEST_CASE("a relay delivers the bytes before a lost far connection, and drops those before an abort",
          "[relay][tail]") {
  const bool aborts = GENERATE(false, true);
  CAPTURE(aborts);
  asio::io_context context;
  auto near = tcp_ends(context);
  session_pair sessions(context);
  auto streams = test::run(context, open_pair(sessions));
  relay_outcome out;
  async_relay(near.second, streams.client, slow_reader::limits(), keep_relay_outcome{&out});
  const byte_string tail = pattern(200'000);
  bool sent = false;
  asio::async_write(streams.server, asio::buffer(tail), [&](error_code, std::size_t) { sent = true; });
  test::run_until(context, [&] { return sent && streams.client.stats().unread == 0; });
  streams.server.reset(aborts ? end_code::unreachable : end_code::remote_disconnect);
  poll_for(context, 20ms);
  CHECK(out.done() == aborts);
  error_code how;
  const std::string got = read_slowly(context, near.first, how);
  CHECK(how == reset);
  CHECK((got.size() == tail.size()) == !aborts);
}

TEST_CASE("a reset whose error a write has taken is a reset", "[relay][tail]") {
  slow_reader r(true);
  r.send_all();
  r.sender().async_wait(tcp::socket::wait_error, [](error_code) {});
  abort(r.sender());
  asio::write(r.reader(), asio::buffer("x", 1));
  r.provoke();
  error_code how;
  CHECK(read_slowly(r.context, r.reader(), how) == tail_text());
  CHECK(how == reset);
  test::run_until(r.context, [&] { return r.out.done(); });
}

TEST_CASE("a tail arrives at a local socket whose peer takes no more", "[relay][tail]") {
  asio::io_context context;
  local::socket reader(context), near(context), far(context), sender(context);
  asio::local::connect_pair(reader, near);
  asio::local::connect_pair(far, sender);
  relay_outcome out;
  async_relay(near, far, slow_reader::limits(), keep_relay_outcome{&out});
  std::size_t sent = 0;
  asio::async_write(sender, asio::buffer(tail_bytes.data(), 400'000),
                    [&](error_code, std::size_t n) { sent = n; });
  std::string got(100'000, ' ');
  test::run_until(context, [&] {
    reader.non_blocking(true);
    return sent == 400'000 || queue_of(sender) < 1000;
  });
  sender.shutdown(local::socket::shutdown_receive);
  asio::write(reader, asio::buffer("refused", 7));
  poll_for(context, 5ms);
  std::string all;
  bool closed = false;
  error_code how;
  std::array<char, 10'000> room;
  while (!how) {
    const std::size_t n = reader.read_some(asio::buffer(room), how);
    all.append(room.data(), n);
    if (how == asio::error::would_block) how = {};
    context.restart();
    context.poll();
    if (sent == 400'000 && !std::exchange(closed, true)) sender.close();
  }
  CHECK(all == tail_text().substr(0, 400'000));
  CHECK(how == eof);
  reader.close();
  test::run_until(context, [&] { return out.done(); });
  CHECK(out.is(broken_pipe));
}

TEST_CASE("what a side sends whose other side takes no more is dropped, and not for ever", "[relay][tail]") {
  slow_reader r(true);
  r.send_all();
  r.sender().close();
  r.provoke();
  const byte_string much(40 << 20, std::byte{7});
  error_code unwritten;
  asio::async_write(r.reader(), asio::buffer(much), [&](error_code ec, std::size_t) { unwritten = ec; });
  error_code how;
  CHECK(read_slowly(r.context, r.reader(), how) == tail_text());
  test::run_until(r.context, [&] { return r.out.done() && unwritten; });
  CHECK(r.out.is(broken_pipe));
}

TEST_CASE("early bytes go first, count, and may fail like others", "[relay][tail]") {
  asio::io_context context;
  auto left = make_pipe(context.get_executor(), 100);
  auto right = make_pipe(context.get_executor(), 100);
  relay_options options;
  options.early_of_a.assign(3, std::byte{'a'});
  options.early_of_b.assign(2, std::byte{'b'});
  relay_outcome out;
  const bool takes = GENERATE(true, false);
  if (!takes) {
    asio::async_write(right.second, asio::buffer("banner", 6), [](error_code, std::size_t) {});
    right.second.async_shutdown([](error_code) {});
    run_ready(context);
    right.second.close();
  }
  async_relay(left.second, right.first, options, keep_relay_outcome{&out});
  peer_script client, server;
  client.to_send = server.to_send = {std::byte{'x'}};
  play(left.first, client);
  if (takes) play(right.second, server);
  run_ready(context);
  CHECK(client.got.error == eof);
  if (takes) {
    CHECK(client.got.text() == "bbx");
    CHECK(server.got.text() == "aaax");
    CHECK(out.is(no_error));
    CHECK((out.result.a_to_b == 4 && out.result.b_to_a == 3));
  } else {
    CHECK(client.got.text() == "bbbanner");
    CHECK(out.is(broken_pipe));
    CHECK((out.result.a_to_b == 0 && out.result.b_to_a == 8));
  }
}
