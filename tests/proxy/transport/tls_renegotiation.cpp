// A peer that renegotiates TLS 1.2 is refused in both roles: it gets the alert no_renegotiation, and there is
// no second handshake.
#include "catch.hpp"
#include "tls_link.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <asio/ssl/error.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tls_renegotiation_test {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace tls_test;
using namespace std::chrono_literals;

namespace {

/// TLS 1.2 of OpenSSL without the options of tls_transport: this end renegotiates.
ssl_ptr make_renegotiating(role side) {
  const context_ptr c = make_context(side);
  SSL_CTX_set_min_proto_version(c.get(), TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(c.get(), TLS1_2_VERSION);
  ssl_ptr s(SSL_new(c.get()));
  side == role::server ? SSL_set_accept_state(s.get()) : SSL_set_connect_state(s.get());
  return s;
}

/// The Finished that this end has sent in its last handshake: another handshake changes it.
std::string last_finished(const SSL* tls) {
  std::string out(64, '\0');
  out.resize(SSL_get_finished(tls, out.data(), out.size()));
  return out;
}

/// A connection of tls_transport, and a peer that renegotiates, after their first handshake.
struct unequal_meeting {
  explicit unequal_meeting(role side) {
    tls_options o = side == role::server ? of_server() : of_client();
    o.least_version = o.most_version = TLS1_2_VERSION;
    auto [a, b] = socket_pair(io);
    asio::co_spawn(io, open_into(std::make_shared<tls_transport>(side, o), std::move(a), ours),
                   asio::detached);
    peer.emplace(std::move(b), make_renegotiating(side == role::server ? role::client : role::server));
    std::optional<std::error_code> met;
    peer->async_handshake([&](std::error_code ec) { met = ec; });
    test::run_until(io, [&] { return met && ours->done; });
    REQUIRE(ours->c);
    REQUIRE_FALSE(*met);
    SSL_set_msg_callback(peer->ssl(), note_alert);
    SSL_set_msg_callback_arg(peer->ssl(), &alerts);
    finished = last_finished(tls());
  }

  SSL* tls() const {
    auto& over = dynamic_cast<connection_over<tls_stream<stream_socket>>&>(*ours->c);
    return over.stream().ssl();
  }
  /// Whether tls_transport's end has still the keys of the first handshake.
  bool keeps_its_keys() const {
    return SSL_is_init_finished(tls()) && SSL_num_renegotiations(tls()) == 0 &&
           last_finished(tls()) == finished;
  }

  asio::io_context io;
  std::shared_ptr<opened> ours = std::make_shared<opened>();
  std::optional<tls_stream<stream_socket>> peer;
  std::vector<int> alerts;  ///< that the peer has got
  std::string finished;

 private:
  static void note_alert(int written, int, int type, const void* bytes, std::size_t n, SSL*, void* to) {
    if (written || type != SSL3_RT_ALERT || n != 2) return;
    static_cast<std::vector<int>*>(to)->push_back(static_cast<const unsigned char*>(bytes)[1]);
  }
};

bool is_refusal(std::error_code ec) {
  return ec.category() == asio::error::get_ssl_category() &&
         ERR_GET_REASON(static_cast<unsigned long>(ec.value())) == SSL_R_NO_RENEGOTIATION;
}

asio::awaitable<test::byte_string> read_all(connection& from, std::size_t n, std::error_code& ec) {
  test::byte_string all, room(10'000);
  while (all.size() < n && !ec) {
    const std::size_t got = co_await from.read_some(asio::buffer(room), ec);
    all.insert(all.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(got));
  }
  co_return all;
}

asio::awaitable<std::error_code> write_text(connection& to, std::string text) {
  std::error_code ec;
  co_await to.write(asio::buffer(text), ec);
  co_return ec;
}

}  // namespace

TEST_CASE("tls: a server refuses a client that renegotiates", "[proxy][tls]") {
  unequal_meeting m(role::server);
  const auto text = test::pattern(5000);
  REQUIRE_FALSE(test::run(m.io, write_all(*m.peer, text)));
  REQUIRE(SSL_renegotiate(m.peer->ssl()) == 1);
  std::optional<std::error_code> renegotiated, read;
  m.peer->async_handshake([&](std::error_code ec) { renegotiated = ec; });

  // The text in front of the new ClientHello arrives, and the ClientHello is no error of the connection.
  std::error_code ec;
  CHECK((test::run(m.io, read_all(*m.ours->c, text.size(), ec)) == text));
  asio::co_spawn(m.io, read_one(*m.ours->c), [&](std::exception_ptr, std::error_code why) { read = why; });
  m.io.restart();
  m.io.run_for(20ms);
  CHECK_FALSE(read);
  CHECK(m.keeps_its_keys());

  // The alert is sent in front of the next text at the latest.
  CHECK_FALSE(test::run(m.io, write_text(*m.ours->c, "hello")));
  test::run_until(m.io, [&] { return renegotiated.has_value(); });
  CHECK(is_refusal(*renegotiated));
  CHECK(m.alerts == std::vector{SSL_AD_NO_RENEGOTIATION});
  CHECK(m.keeps_its_keys());

  // OpenSSL's client ends the connection then.
  test::run_until(m.io, [&] { return read.has_value(); });
  CHECK(read->category() == asio::error::get_ssl_category());
}

TEST_CASE("tls: a server that closes sends a client that renegotiates the refusal first", "[proxy][tls]") {
  unequal_meeting m(role::server);
  REQUIRE(SSL_renegotiate(m.peer->ssl()) == 1);
  std::optional<std::error_code> renegotiated, read;
  m.peer->async_handshake([&](std::error_code ec) { renegotiated = ec; });
  asio::co_spawn(m.io, read_one(*m.ours->c), [&](std::exception_ptr, std::error_code why) { read = why; });
  m.io.restart();
  m.io.run_for(20ms);
  test::run(m.io, m.ours->c->finish());
  test::run_until(m.io, [&] { return renegotiated && read; });
  CHECK(is_refusal(*renegotiated));
  CHECK(m.alerts == std::vector{SSL_AD_NO_RENEGOTIATION});
}

TEST_CASE("tls: a client refuses to renegotiate", "[proxy][tls]") {
  unequal_meeting m(role::client);
  REQUIRE(SSL_renegotiate(m.peer->ssl()) == 1);
  std::optional<std::error_code> asked;
  m.peer->async_handshake([&](std::error_code ec) { asked = ec; });  // sends HelloRequest
  test::run_until(m.io, [&] { return asked.has_value(); });
  REQUIRE_FALSE(*asked);

  const auto text = test::pattern(5000);
  REQUIRE_FALSE(test::run(m.io, write_all(*m.peer, text)));
  std::error_code ec;
  CHECK((test::run(m.io, read_all(*m.ours->c, text.size(), ec)) == text));
  CHECK(m.keeps_its_keys());

  CHECK_FALSE(test::run(m.io, write_text(*m.ours->c, "hello")));
  CHECK(is_refusal(fate_of_read(m.io, *m.peer)));
  CHECK(m.alerts == std::vector{SSL_AD_NO_RENEGOTIATION});
  CHECK(m.keeps_its_keys());
}

}  // namespace tls_renegotiation_test
