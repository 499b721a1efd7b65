// TLS between two sockets: who is believed, how long a handshake may take, how a connection ends.
#include "catch.hpp"
#include "certificates.hpp"
#include "support.hpp"

#include <muxpro/proxy/transports/tls.hpp>
#include <muxpro/session.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/read.hpp>
#include <asio/ssl/context.hpp>
#include <asio/ssl/stream.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>

#include <openssl/ssl.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace std::chrono_literals;
using test::as_result;

const test::certificates& known() {
  static const test::certificates all;
  return all;
}

std::pair<stream_socket, stream_socket> socket_pair(asio::io_context& io) {
  asio::local::stream_protocol::socket a(io), b(io);
  asio::local::connect_pair(a, b);
  return {stream_socket(std::move(a)), stream_socket(std::move(b))};
}

tls_options of_server(const test::identity& who = known().server) {
  tls_options o;
  o.certificate = who.certificate_file;
  o.key = who.key_file;
  return o;
}

tls_options of_client(const std::string& name = "server.example") {
  tls_options o;
  o.name = name;
  o.authority = known().ca.certificate_file;
  return o;
}

struct opened {
  bool done = false;
  std::error_code ec;
  std::shared_ptr<connection> c;
};

asio::awaitable<void> open_into(std::shared_ptr<tls_transport> t, stream_socket s,
                                std::shared_ptr<opened> out) {
  out->c = co_await t->open(std::move(s), out->ec);
  out->done = true;
}

/// Both sides after their handshakes.
struct meeting {
  meeting(tls_options client_side, tls_options server_side)
      : meeting(std::make_shared<tls_transport>(role::client, std::move(client_side)),
                std::make_shared<tls_transport>(role::server, std::move(server_side))) {}
  meeting(std::shared_ptr<tls_transport> client_side, std::shared_ptr<tls_transport> server_side) {
    auto [a, b] = socket_pair(io);
    asio::co_spawn(io, open_into(std::move(client_side), std::move(a), client), asio::detached);
    asio::co_spawn(io, open_into(std::move(server_side), std::move(b), server), asio::detached);
    test::run_until(io, [this] { return client->done && server->done; });
  }
  bool both() const { return client->c && server->c; }

  asio::io_context io;
  std::shared_ptr<opened> client = std::make_shared<opened>(), server = std::make_shared<opened>();
};

asio::awaitable<std::string> say(connection& from, connection& to, std::string text) {
  std::error_code ec;
  co_await from.write(asio::buffer(text), ec);
  if (ec) co_return ec.message();
  std::string heard(text.size(), '\0');
  std::size_t n = 0;
  while (n < heard.size() && !ec) n += co_await to.read_some(asio::buffer(heard) + n, ec);
  co_return ec ? ec.message() : heard;
}

asio::awaitable<std::error_code> read_one(connection& from) {
  char c;
  std::error_code ec;
  co_await from.read_some(asio::buffer(&c, 1), ec);
  co_return ec;
}

// In TLS 1.3 a client is done before the server has looked at its certificate: it reads what came of that.
std::error_code verdict_for_client(meeting& m) {
  if (m.client->ec) return m.client->ec;
  return test::run(m.io, read_one(*m.client->c));
}

}  // namespace

TEST_CASE("tls: both sides believe the right certificates and talk", "[proxy][tls]") {
  meeting m(of_client(), of_server());
  REQUIRE(m.both());
  CHECK(test::run(m.io, say(*m.client->c, *m.server->c, "hello")) == "hello");
  const std::string much(300'000, 'x');
  CHECK(test::run(m.io, say(*m.server->c, *m.client->c, much.substr(0, 100'000))) == much.substr(0, 100'000));
  CHECK(meeting(of_client("127.0.0.1"), of_server()).both());
}

TEST_CASE("tls: a client refuses what it cannot check", "[proxy][tls]") {
  const auto refused = [](tls_options client, tls_options server) {
    meeting m(std::move(client), std::move(server));
    CHECK(m.client->ec);
    CHECK_FALSE(m.client->c);
    CHECK(m.server->ec);
  };
  refused(of_client("other.example"), of_server());
  refused(of_client("127.0.0.2"), of_server());
  refused(of_client(), of_server(known().expired));
  refused(of_client(), of_server(known().mallory));
  tls_options system = of_client();
  system.authority.clear();
  refused(system, of_server());
}

TEST_CASE("tls: whoever does not verify takes anything", "[proxy][tls]") {
  tls_options o;
  o.verify = false;
  CHECK(meeting(o, of_server(known().expired)).both());
}

TEST_CASE("tls: a pin is enough, and with an authority both have to hold", "[proxy][tls]") {
  tls_options o;
  o.pins = {known().expired.pin};
  CHECK(meeting(o, of_server(known().expired)).both());
  CHECK(meeting(o, of_server()).client->ec == tls_errc::unknown_certificate);
  o.pins.push_back(known().server.pin);
  CHECK(meeting(o, of_server()).both());

  tls_options both = of_client();
  both.pins = {known().server.pin};
  CHECK(meeting(both, of_server()).both());
  both.pins = {known().mallory.pin};
  CHECK(meeting(both, of_server()).client->ec == tls_errc::unknown_certificate);
  both.pins = {known().expired.pin};
  CHECK(meeting(both, of_server(known().expired)).client->ec);
}

TEST_CASE("tls: a server that asks for certificates takes those it knows", "[proxy][tls]") {
  tls_options server = of_server();
  server.authority = known().ca.certificate_file;
  tls_options alice = of_client();
  alice.certificate = known().alice.certificate_file;
  alice.key = known().alice.key_file;
  CHECK(meeting(alice, server).both());

  tls_options mallory = alice;
  mallory.certificate = known().mallory.certificate_file;
  mallory.key = known().mallory.key_file;
  for (const tls_options& o : {of_client(), mallory}) {
    meeting m(o, server);
    CHECK(m.server->ec);
    CHECK_FALSE(m.server->c);
    CHECK(verdict_for_client(m));
  }
  // By its pin alone; then nobody has to have signed it.
  tls_options pinned = of_server();
  pinned.pins = {known().mallory.pin};
  CHECK(meeting(mallory, pinned).both());
  CHECK(meeting(alice, pinned).server->ec == tls_errc::unknown_certificate);
  CHECK(meeting(of_client(), pinned).server->ec);
}

TEST_CASE("tls: protocols are agreed upon, or there is no connection", "[proxy][tls]") {
  tls_options client = of_client(), server = of_server();
  client.alpn = {"h2", "mux"};
  CHECK(meeting(client, server).client->ec == tls_errc::no_agreement);
  server.alpn = {"mux"};
  CHECK(meeting(client, server).both());
  CHECK(meeting(of_client(), server).both());
  server.alpn = {"other"};
  CHECK(meeting(client, server).client->ec);
}

TEST_CASE("tls: nothing older than 1.3", "[proxy][tls]") {
  asio::io_context io;
  auto [a, b] = socket_pair(io);
  asio::ssl::context old(asio::ssl::context::tls_client);
  SSL_CTX_set_max_proto_version(old.native_handle(), TLS1_2_VERSION);
  asio::ssl::stream<stream_socket> client(std::move(a), old);
  client.async_handshake(asio::ssl::stream_base::client, [](std::error_code) {});
  const auto out = std::make_shared<opened>();
  asio::co_spawn(io, open_into(std::make_shared<tls_transport>(role::server, of_server()), std::move(b), out),
                 asio::detached);
  test::run_until(io, [&] { return out->done; });
  CHECK(out->ec);
}

TEST_CASE("tls: a peer that says nothing, or little, is left in time", "[proxy][tls]") {
  for (const role side : {role::client, role::server}) {
    asio::io_context io;
    auto [a, b] = socket_pair(io);
    tls_options o = side == role::client ? of_client() : of_server();
    o.handshake = 30ms;
    const auto out = std::make_shared<opened>();
    const auto begun = std::chrono::steady_clock::now();
    asio::co_spawn(io, open_into(std::make_shared<tls_transport>(side, o), std::move(a), out),
                   asio::detached);
    // A record that never ends, a byte at a time.
    asio::co_spawn(
        io,
        [](stream_socket& peer) -> asio::awaitable<void> {
          asio::steady_timer pause(peer.get_executor());
          const std::string record = "\x16\x03\x01\x40" + std::string(1000, '\x01');
          for (const char c : record) {
            const auto [ec, n] = co_await asio::async_write(peer, asio::buffer(&c, 1), as_result);
            if (ec) co_return;
            pause.expires_after(1ms);
            co_await pause.async_wait(asio::use_awaitable);
          }
        }(b),
        asio::detached);
    test::run_until(io, [&] { return out->done; });
    CHECK(out->ec == asio::error::timed_out);
    CHECK(std::chrono::steady_clock::now() - begun < 5s);
  }
}

TEST_CASE("tls: a handshake can be cancelled", "[proxy][tls]") {
  asio::io_context io;
  auto [a, b] = socket_pair(io);
  const auto out = std::make_shared<opened>();
  asio::cancellation_signal stop;
  bool ended = false;
  asio::co_spawn(io, open_into(std::make_shared<tls_transport>(role::server, of_server()), std::move(a), out),
                 asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr) { ended = true; }));
  io.run_for(10ms);
  CHECK_FALSE(ended);
  stop.emit(asio::cancellation_type::terminal);
  test::run_until(io, [&] { return ended; });
  CHECK_FALSE(out->c);
}

TEST_CASE("tls: an io_context may go in the middle of a handshake", "[proxy][tls]") {
  const auto out = std::make_shared<opened>();
  const auto transport = std::make_shared<tls_transport>(role::server, of_server());
  {
    asio::io_context io;
    auto [a, b] = socket_pair(io);
    asio::co_spawn(io, open_into(transport, std::move(a), out), asio::detached);
    io.run_for(10ms);
  }
  CHECK_FALSE(out->done);
}

TEST_CASE("tls: hostile bytes end a handshake", "[proxy][tls]") {
  using namespace std::string_literals;
  std::vector<std::string> hostile{"GET / HTTP/1.1\r\n\r\n",
                                   "\x05\x01\x00"s,
                                   std::string(100'000, '\xff'),
                                   "\x16\x03\x01\xff\xff"s + std::string(70'000, '\0'),
                                   "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"s,
                                   "\x15\x03\x01\x00\x02\x02\x28"s,
                                   "\x14\x03\x03\x00\x01\x01"s,
                                   std::string(20, '\0'),
                                   ""};
  for (const role side : {role::client, role::server}) {
    for (const std::string& bytes : hostile) {
      asio::io_context io;
      auto [a, b] = socket_pair(io);
      const auto out = std::make_shared<opened>();
      tls_options o = side == role::client ? of_client() : of_server();
      asio::co_spawn(io, open_into(std::make_shared<tls_transport>(side, o), std::move(a), out),
                     asio::detached);
      asio::async_write(b, asio::buffer(bytes), [&](std::error_code, std::size_t) {
        std::error_code ignored;
        b.shutdown(asio::socket_base::shutdown_send, ignored);
      });
      test::run_until(io, [&] { return out->done; });
      CHECK(out->ec);
      CHECK_FALSE(out->c);
    }
  }
}

TEST_CASE("tls: the end of one direction leaves the other", "[proxy][tls]") {
  meeting m(of_client(), of_server());
  REQUIRE(m.both());
  test::run(m.io, m.client->c->finish());
  CHECK(test::run(m.io, read_one(*m.server->c)) == asio::error::eof);
  CHECK(test::run(m.io, say(*m.server->c, *m.client->c, "still there")) == "still there");
  test::run(m.io, m.server->c->finish());
  CHECK(test::run(m.io, read_one(*m.client->c)) == asio::error::eof);
}

TEST_CASE("tls: a cut is no end", "[proxy][tls]") {
  meeting m(of_client(), of_server());
  REQUIRE(m.both());
  m.client->c->cut();
  CHECK(test::run(m.io, read_one(*m.server->c)) == asio::error::connection_reset);
}

TEST_CASE("tls: a session over it is negotiated, carries, and ends in good order", "[proxy][tls]") {
  meeting m(of_client(), of_server());
  REQUIRE(m.both());
  session client = m.client->c->into_session(role::client, {}),
          server = m.server->c->into_session(role::server, {});
  std::optional<std::error_code> fate;
  client.async_run([](std::error_code) {});
  server.async_run([&](std::error_code ec) { fate = ec; });
  asio::co_spawn(
      m.io,
      [](session& s) -> asio::awaitable<void> {
        sub_stream stream = co_await s.async_accept();
        std::vector<char> room(100'000);
        co_await asio::async_read(stream, asio::buffer(room), asio::use_awaitable);
        co_await asio::async_write(stream, asio::buffer(room), asio::use_awaitable);
        co_await stream.async_shutdown();
        co_await stream.async_read_some(asio::buffer(room), as_result);
      }(server),
      asio::detached);
  const auto work = [](session& s) -> asio::awaitable<bool> {
    sub_stream stream = co_await s.async_open({{network::tcp, "example.com", 80}});
    auto bytes = test::pattern(100'000);
    co_await asio::async_write(stream, asio::buffer(bytes), asio::use_awaitable);
    test::byte_string back(bytes.size());
    co_await asio::async_read(stream, asio::buffer(back), asio::use_awaitable);
    co_await stream.async_shutdown();
    co_return back == bytes;
  };
  CHECK(test::run(m.io, work(client)));
  test::run(m.io, [](session& s) -> asio::awaitable<void> { co_await s.async_drain(); }(client));
  client.close();
  test::run_until(m.io, [&] { return fate.has_value(); });
  CHECK(*fate == std::error_code());
}

TEST_CASE("tls: options that cannot work are told in a sentence", "[proxy][tls]") {
  using Catch::Matchers::ContainsSubstring;
  const auto mistake = [](role side, auto change) {
    tls_options o = side == role::client ? of_client() : of_server();
    change(o);
    return o.validate(side);
  };
  CHECK_THAT(mistake(role::server, [](tls_options& o) { o.key.clear(); }), ContainsSubstring("key is ''"));
  CHECK_THAT(mistake(role::server, [](tls_options& o) { o = {}; }), ContainsSubstring("certificate"));
  CHECK_THAT(mistake(role::client, [](tls_options& o) { o.name.clear(); }), ContainsSubstring("name is ''"));
  CHECK_THAT(mistake(role::client, [](tls_options& o) { o.pins = {"ab"}; }),
             ContainsSubstring("64 hex digits"));
  CHECK_THAT(mistake(role::client, [](tls_options& o) { o.alpn = {""}; }), ContainsSubstring("1 to 255"));
  CHECK(mistake(role::client, [](tls_options&) {}).empty());
}

TEST_CASE("tls: a file that is of no use is named", "[proxy][tls]") {
  using Catch::Matchers::ContainsSubstring;
  tls_options o = of_server();
  o.certificate = known().at / "nothing.pem";
  CHECK_THROWS_WITH(tls_transport(role::server, o), ContainsSubstring("nothing.pem: No such file"));
  o = of_server();
  o.key = known().alice.key_file;
  CHECK_THROWS_WITH(tls_transport(role::server, o), ContainsSubstring("alice.key: key values mismatch"));
  o = of_server();
  o.authority = known().alice.key_file;
  CHECK_THROWS_WITH(tls_transport(role::server, o), ContainsSubstring("authorities in"));
}

TEST_CASE("tls: pins are read as people write them", "[proxy][tls]") {
  const std::string pin(64, 'a');
  CHECK(normalized_pin(pin) == pin);
  std::string colons;
  for (int i = 0; i < 32; ++i) colons += i ? ":AA" : "AA";
  CHECK(normalized_pin(colons) == pin);
  CHECK(normalized_pin(pin + "a").empty());
  CHECK(normalized_pin("").empty());
  CHECK(normalized_pin(std::string(63, 'a') + "g").empty());
}
