// The flow xtls-rprx-vision over TLS, on sockets and on what another outbound carries: both directions go
// from blocks to text or to raw bytes.
#include "catch.hpp"
#include "kernel_pipes.hpp"
#include "tls_meeting.hpp"

#include "proxy/transport/vision.hpp"

#include <muxpro/relay.hpp>
#include <muxpro/testing/hex.hpp>

#include <asio/read.hpp>

#include <optional>
#include <string>
#include <vector>

namespace {

using namespace tls_test;
using test::byte_string;
using testing::from_hex;

const uuid vision_user = *parse_uuid("alice");

byte_string operator+(byte_string a, const byte_string& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
byte_string record_of(std::uint8_t type, const byte_string& content) {
  byte_string out{std::byte{type}, std::byte{3}, std::byte{3}, static_cast<std::byte>(content.size() >> 8),
                  static_cast<std::byte>(content.size())};
  return out + content;
}
const byte_string inner_hello = record_of(22, from_hex("01000001 00") + byte_string(500));
const byte_string inner_answer = record_of(22, from_hex("0200004c 0303") + byte_string(32) + from_hex("20") +
                                                   byte_string(32) + from_hex("1301 00 0006 002b00020304")) +
                                 record_of(23, byte_string(700));

/// Both ends of a connection by the flow, and the sockets' TLS below.
struct vision_pair : meeting {
  explicit vision_pair(ends (*below)(asio::io_context&) = ends_of_sockets)
      : meeting(of_client(), of_server(), below) {
    REQUIRE(both());
    vision_beginning near, far;
    near.id = far.id = vision_user;
    near.head = test::to_bytes("request");
    far.head = from_hex("0000");
    near.peers_head = [](const_bytes all, std::error_code&) { return all.size() < 2 ? 0 : std::size_t{2}; };
    far.peers_head = [](const_bytes all, std::error_code&) { return all.size() < 7 ? 0 : std::size_t{7}; };
    a = open_vision(client->c, near);
    b = open_vision(server->c, far);
    REQUIRE((a && b));
  }
  /// What `to` gets when `from` sends.
  byte_string pass(connection& from, connection& to, const byte_string& what) {
    return test::run(io, passed(from, to, what));
  }
  static asio::awaitable<byte_string> passed(connection& from, connection& to, byte_string what) {
    std::error_code ec;
    co_await from.write(asio::buffer(what), ec);
    if (ec) co_return byte_string();
    co_return co_await received(to, what.size());
  }
  static asio::awaitable<byte_string> received(connection& to, std::size_t size) {
    std::error_code ec;
    byte_string heard(size);
    for (std::size_t n = 0; n < heard.size() && !ec;) n += co_await to.read_some(asio::buffer(heard) + n, ec);
    if (ec) heard.clear();
    co_return heard;
  }
  /// The same where `to` has to read while `from` writes.
  byte_string pass_bulk(connection& from, connection& to, const byte_string& what) {
    asio::co_spawn(io, written(from, what), asio::detached);
    return test::run(io, received(to, what.size()));
  }
  static asio::awaitable<void> written(connection& to, byte_string what) {
    std::error_code ec;
    co_await to.write(asio::buffer(what), ec);
  }
  static asio::awaitable<std::error_code> end(connection& from, connection& to) {
    co_await from.finish();
    co_return co_await read_one(to);
  }
  std::shared_ptr<connection> a, b;
};

}  // namespace

TEST_CASE("vision: TLS 1.3 inside goes on outside of the TLS of the connection", "[proxy][tls]") {
  vision_pair p(GENERATE(&ends_of_sockets, &ends_of_pipe));
  CHECK((p.pass(*p.a, *p.b, inner_hello) == inner_hello));
  CHECK((p.pass(*p.b, *p.a, inner_answer) == inner_answer));
  const byte_string finished = record_of(23, byte_string(60));
  CHECK((p.pass(*p.a, *p.b, finished) == finished));
  // The client's direction is raw, the server's is not yet.
  const byte_string request = test::pattern(100'000);
  CHECK((p.pass(*p.a, *p.b, request) == request));
  const byte_string tickets = record_of(23, byte_string(200)) + record_of(23, byte_string(201));
  CHECK((p.pass(*p.b, *p.a, tickets) == tickets));
  CHECK((p.pass(*p.b, *p.a, request) == request));
  // FIN, and no close_notify in front of it.
  CHECK(test::run(p.io, vision_pair::end(*p.a, *p.b)) == asio::error::eof);
  CHECK((p.pass(*p.b, *p.a, request) == request));
  CHECK(test::run(p.io, vision_pair::end(*p.b, *p.a)) == asio::error::eof);
}

TEST_CASE("vision: a direction is that of the socket from its switch on", "[proxy][tls]") {
  const bool on_sockets = GENERATE(true, false);
  vision_pair p(on_sockets ? &ends_of_sockets : &ends_of_pipe);
  any_stream &a = p.a->stream_to_relay(), &b = p.b->stream_to_relay();
  p.pass(*p.a, *p.b, inner_hello);
  p.pass(*p.b, *p.a, inner_answer);
  for (any_stream* s : {&a, &b}) CHECK((s->socket_of_reads() < 0 && s->socket_of_writes() < 0));
  // The last padding may come behind the record, but not behind the next bytes.
  p.pass(*p.a, *p.b, record_of(23, byte_string(60)));
  p.pass(*p.a, *p.b, byte_string(1));
  CHECK((a.socket_of_writes() >= 0 && b.socket_of_reads() >= 0) == on_sockets);
  CHECK((a.socket_of_reads() < 0 && b.socket_of_writes() < 0));
  p.pass(*p.b, *p.a, record_of(23, byte_string(200)));
  p.pass(*p.b, *p.a, byte_string(1));
  CHECK((a.socket_of_reads() >= 0 && b.socket_of_writes() >= 0) == on_sockets);
}

TEST_CASE("vision: bulk through a relay behind the switch", "[proxy][tls]") {
  test::in_thread_with_pipes([] {
    vision_pair p;
    auto [near, far] = socket_pair(p.io);
    const std::shared_ptr<connection> target = make_connection(std::move(near)),
                                      behind = make_connection(std::move(far));
    relay_options options;
    options.buffer = 64 * 1024;
    std::optional<std::error_code> ended;
    async_relay(p.b->stream_to_relay(), target->stream_to_relay(), options,
                [&](std::error_code ec, relay_result) { ended = ec; });
    CHECK((p.pass(*p.a, *behind, inner_hello) == inner_hello));
    CHECK((p.pass(*behind, *p.a, inner_answer) == inner_answer));
    const std::size_t before = test::pipe_descriptors();
    // A part of what is behind the switch is in the buffers of the TLS.
    const byte_string up = record_of(23, byte_string(60)) + test::pattern(8 << 20),
                      down = record_of(23, byte_string(200)) + test::pattern(8 << 20);
    CHECK((p.pass_bulk(*p.a, *behind, up) == up));
    CHECK((p.pass_bulk(*behind, *p.a, down) == down));
    CHECK(test::pipe_descriptors() > before);
    CHECK(test::run(p.io, vision_pair::end(*p.a, *behind)) == asio::error::eof);
    CHECK((p.pass_bulk(*behind, *p.a, down) == down));
    CHECK(test::run(p.io, vision_pair::end(*behind, *p.a)) == asio::error::eof);
    test::run_until(p.io, [&] { return ended.has_value(); });
    CHECK(*ended == std::error_code());
  });
}

TEST_CASE("vision: raw bytes right behind the last block", "[proxy][tls]") {
  vision_pair p(GENERATE(&ends_of_sockets, &ends_of_pipe));
  CHECK((p.pass(*p.a, *p.b, inner_hello) == inner_hello));
  CHECK((p.pass(*p.b, *p.a, inner_answer) == inner_answer));
  const byte_string all =
      record_of(23, byte_string(60)) + record_of(23, byte_string(9000)) + test::pattern(100'000);
  CHECK((p.pass(*p.a, *p.b, all) == all));
}

TEST_CASE("vision: other data stay inside of TLS", "[proxy][tls]") {
  vision_pair p(GENERATE(&ends_of_sockets, &ends_of_pipe));
  for (int i = 0; i < 12; ++i) {
    const byte_string line = test::to_bytes("line of no TLS\r\n");
    CHECK((p.pass(*p.a, *p.b, line) == line));
    CHECK((p.pass(*p.b, *p.a, line) == line));
  }
  const byte_string much = test::pattern(100'000);
  CHECK((p.pass(*p.a, *p.b, much) == much));
  CHECK((p.pass(*p.b, *p.a, much) == much));
  CHECK(test::run(p.io, vision_pair::end(*p.b, *p.a)) == asio::error::eof);
  CHECK((p.pass(*p.a, *p.b, much) == much));
  CHECK(test::run(p.io, vision_pair::end(*p.a, *p.b)) == asio::error::eof);
}

TEST_CASE("vision: a client that waits for the server sends padding alone", "[proxy][tls]") {
  vision_pair p;
  const auto begin = [&]() -> asio::awaitable<std::error_code> {
    std::error_code ec;
    co_await p.a->write(asio::const_buffer(), ec);
    co_return ec;
  };
  CHECK_FALSE(test::run(p.io, begin()));
  const byte_string greeting = test::to_bytes("220 hello\r\n");
  CHECK((p.pass(*p.b, *p.a, greeting) == greeting));
  CHECK((p.pass(*p.a, *p.b, greeting) == greeting));
}

TEST_CASE("vision: a cut of the connection below ends both", "[proxy][tls]") {
  vision_pair p;
  p.client->c->cut();
  CHECK(test::run(p.io, read_one(*p.b)));
  CHECK(test::run(p.io, read_one(*p.a)));
}

TEST_CASE("vision: nothing but TLS carries it", "[proxy][tls]") {
  asio::io_context io;
  auto [a, b] = socket_pair(io);
  const std::shared_ptr<connection> plain = make_connection(std::move(a));
  CHECK_FALSE(open_vision(plain, {}));
}
