// Connections as inbounds see them before there is a relay: what a handshake reads and writes.
#include "catch.hpp"
#include "support.hpp"

#include <muxpro/proxy/connection.hpp>
#include <muxpro/proxy/inbound.hpp>
#include <muxpro/proxy/stream_socket.hpp>

#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/write.hpp>

#include <array>
#include <memory>
#include <string_view>
#include <vector>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace std::chrono_literals;
using unix_stream = asio::local::stream_protocol;

struct met {
  met() {
    unix_stream::socket near(io);
    asio::local::connect_pair(near, far);
    c = make_connection(stream_socket(std::move(near)));
  }
  void say(std::string_view what) { asio::write(far, asio::buffer(what)); }

  asio::io_context io;
  unix_stream::socket far{io};
  std::shared_ptr<connection> c;
};

std::string_view text(const_bytes b) { return {reinterpret_cast<const char*>(b.data()), b.size()}; }

}  // namespace

TEST_CASE("connections: a socket reads at once what is there", "[proxy][connection]") {
  met m;
  std::array<std::byte, 4> room{};
  CHECK(m.c->read_now(room) == 0);
  m.say("hello");
  REQUIRE(m.c->read_now(room) == 4);
  CHECK(text(room) == "hell");
  CHECK(m.c->read_now(room) == 1);
  m.far.close();
  CHECK(m.c->read_now(room) == 0);
  std::error_code ec;
  CHECK(test::run(m.io, m.c->read_some(asio::buffer(room), ec)) == 0);
  CHECK(ec == asio::error::eof);
}

TEST_CASE("connections: a socket writes at once what there is room for", "[proxy][connection]") {
  met m;
  const std::vector<std::byte> much(std::size_t{1} << 22);
  const auto rest = m.c->write_now(much);
  REQUIRE((0 < rest.size() && rest.size() < much.size()));
  CHECK(static_cast<const std::byte*>(rest.data()) + rest.size() == much.data() + much.size());
  CHECK(m.c->write_now(much).size() == much.size());
  // write() reports that it is broken.
  m.far.close();
  CHECK(m.c->write_now(much).size() == much.size());
  std::error_code ec;
  test::run(m.io, m.c->write(asio::buffer(much), ec));
  CHECK(ec == asio::error::broken_pipe);
}

TEST_CASE("connections: other streams leave all of it to the operations that wait", "[proxy][connection]") {
  asio::io_context io;
  auto [near, far] = make_pipe(io.get_executor());
  const auto c = make_connection(std::move(near));
  test::run(io, asio::async_write(far, asio::buffer("hello", 5), asio::use_awaitable));
  std::array<std::byte, 5> room{};
  CHECK(c->read_now(room) == 0);
  CHECK(c->write_now(room).size() == room.size());
  std::error_code ec;
  CHECK(test::run(io, c->read_some(asio::buffer(room), ec)) == 5);
}

TEST_CASE("connections: a pending client is read up to a limit, at once or later", "[proxy][connection]") {
  met m;
  context ctx;
  pending_client who(m.c, ctx, admission::ticket(), 10s);
  CHECK_FALSE(who.read_available(5));
  CHECK(who.buffered().empty());
  m.say("hello world");
  CHECK(who.read_available(5));
  CHECK(text(who.buffered()) == "hello");
  CHECK_FALSE(who.read_available(5));
  std::error_code ec;
  test::run(m.io, who.read_more(5, ec));
  CHECK(ec == asio::error::message_size);
  CHECK(text(who.buffered()) == "hello");
  who.consume(2);
  ec = {};
  test::run(m.io, who.read_more(9, ec));
  CHECK_FALSE(ec);
  CHECK(text(who.buffered()) == "llo world");
  CHECK(text(who.release()) == "llo world");
}
