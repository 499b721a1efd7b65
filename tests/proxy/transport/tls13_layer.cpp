// tls_stream with records of its own beside OpenSSL's: each suite, tickets, padding, new keys, alerts and
// what no peer may send.
#include "catch.hpp"
#include "tls_link.hpp"

#include "proxy/transport/tls13_layer.hpp"

#include <muxpro/testing/hex.hpp>

#include <openssl/err.h>
#include <asio/ssl/error.hpp>

#include <array>
#include <functional>
#include <string>

namespace tls13_layer_test {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace tls_test;

using configure = std::function<void(SSL_CTX*)>;

/// A connection whose context is its own.
ssl_ptr configured_ssl(role side, records whose, const configure& with) {
  const context_ptr c = make_context(side);
  if (whose == records::own) share_secrets(c.get());
  with(c.get());
  return make_ssl(c.get(), side);
}

template <class Kind>
tls_link<Kind> configured_link(
    const configure& server, const configure& client = [](SSL_CTX*) {}) {
  return tls_link<Kind>(configured_ssl(role::client, Kind::client, client),
                        configured_ssl(role::server, Kind::server, server));
}

template <class Kind>
void talk(tls_link<Kind>& l) {
  const auto text = test::pattern(50'000);
  std::error_code ec;
  std::optional<std::error_code> written;
  const auto note = [&](std::exception_ptr, std::error_code failed) { written = failed; };
  asio::co_spawn(l.io, write_all(*l.client, text), note);
  CHECK((test::run(l.io, read_until(*l.server, text.size(), ec)) == text));
  test::run_until(l.io, [&] { return written.has_value(); });
  written.reset();
  asio::co_spawn(l.io, write_all(*l.server, text), note);
  CHECK((test::run(l.io, read_until(*l.client, text.size(), ec)) == text));
  test::run_until(l.io, [&] { return written.has_value(); });
  CHECK_FALSE(ec);
}

template <class Stream>
SSL* ssl_of(Stream& s) {
  return s.ssl();
}

TEMPLATE_TEST_CASE("tls13 layer: each suite, with tickets or without", "[proxy][tls]", TLS_KINDS) {
  for (const char* const suite :
       {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"})
    for (const std::size_t tickets : {0U, 1U, 2U, 5U}) {
      auto l = configured_link<TestType>([&](SSL_CTX* c) {
        SSL_CTX_set_ciphersuites(c, suite);
        SSL_CTX_set_num_tickets(c, tickets);
      });
      CHECK(std::string(SSL_get_cipher(ssl_of(*l.client))) == suite);
      talk(l);
      l.client->update_keys(true);
      talk(l);
    }
}

TEMPLATE_TEST_CASE("tls13 layer: it has the records exactly where the context shares its secrets",
                   "[proxy][tls]", TLS_KINDS) {
  const auto has = [](const auto& s) { return s.has_own_records(); };
  tls_link<TestType> l;
  CHECK(has(*l.client) == (TestType::client == records::own));
  CHECK(has(*l.server) == (TestType::server == records::own));
  const auto old = [](SSL_CTX* c) {
    SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION);
  };
  auto older = configured_link<TestType>(old, old);
  CHECK_FALSE(has(*older.client));
  CHECK_FALSE(has(*older.server));
  talk(older);
}

TEST_CASE("tls13 layer: a client that resumes leaves the records to OpenSSL, which reads tickets",
          "[proxy][tls]") {
  auto l =
      configured_link<sockets>([](SSL_CTX* c) { SSL_CTX_set_num_tickets(c, 2); },
                               [](SSL_CTX* c) { SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT); });
  CHECK_FALSE(l.client->has_own_records());
  CHECK(l.server->has_own_records());
  talk(l);
}

TEMPLATE_TEST_CASE("tls13 layer: OpenSSL's padding is no text", "[proxy][tls]", openssl_client,
                   openssl_server) {
  const auto pad = [](SSL_CTX* c) { SSL_CTX_set_block_padding(c, 4096); };
  auto l = configured_link<TestType>(pad, pad);
  talk(l);
  for (const std::size_t size : {1U, 4095U, 4096U, 16383U}) {
    REQUIRE_FALSE(test::run(l.io, write_all(*l.client, test::pattern(size))));
    std::error_code ec;
    CHECK((test::run(l.io, read_until(*l.server, size, ec)) == test::pattern(size)));
  }
}

TEMPLATE_TEST_CASE("tls13 layer: OpenSSL keeps the records where the ends agree on short ones",
                   "[proxy][tls]", TLS_KINDS) {
  const auto limit = [](SSL_CTX* c) {
    SSL_CTX_set_tlsext_max_fragment_length(c, TLSEXT_max_fragment_length_1024);
  };
  auto l = configured_link<TestType>([](SSL_CTX*) {}, limit);
  CHECK_FALSE(l.client->has_own_records());
  CHECK_FALSE(l.server->has_own_records());
  talk(l);
}

TEMPLATE_TEST_CASE("tls13 layer: OpenSSL changes keys and wants others", "[proxy][tls]", openssl_client,
                   openssl_server) {
  tls_link<TestType> l;
  for (int i = 0; i < 5; ++i) {
    for (auto* const s : {&*l.client, &*l.server}) s->update_keys(i % 2 == 0);
    talk(l);
  }
}

TEMPLATE_TEST_CASE("tls13 layer: it goes on without what the handshake needed", "[proxy][tls]", TLS_KINDS) {
  tls_link<TestType> l;
  for (auto* const s : {&*l.client, &*l.server}) {
    s->forget_handshake();
    CHECK((s->ssl() == nullptr) == s->has_own_records());
  }
  talk(l);
  l.server->update_keys(true);
  talk(l);
  const auto end = [](auto& s) { return s.async_shutdown(asio::use_awaitable); };
  test::run(l.io, end(*l.client));
  CHECK(fate_of_read(l.io, *l.server) == asio::error::eof);
  test::run(l.io, end(*l.server));
  test::run(l.io, end(*l.server));
  CHECK(fate_of_read(l.io, *l.client) == asio::error::eof);
}

// --- a peer that has the keys and sends what it should not

/// The secrets of a client's connection, for a server of the test's own.
struct forger {
  static constexpr std::uint32_t suite = 0x1301;

  forger() {
    std::array<std::byte, 32> secret{};
    for (auto* const s : {&secrets.client, &secrets.server}) {
      s->size = secret.size();
      s->octets.fill(s == &secrets.client ? std::byte{1} : std::byte{2});
    }
    const tls_suite with = *find_tls_suite(suite);
    layer.emplace(role::client, with, secrets, 0, input, output);
    seals.emplace(with, const_bytes(secrets.server.octets).first(32), 0, aead_key::use::to_seal);
    opens.emplace(with, const_bytes(secrets.client.octets).first(32), 0, aead_key::use::to_open);
  }
  void send(record_type type, const test::byte_string& text) {
    test::byte_string record(text.size() + record_overhead);
    const const_bytes part = text;
    seals->seal(type, {&part, 1}, text.size(), record.data());
    send_raw(record);
  }
  void send_raw(const test::byte_string& all) {
    const bytes room = input.room(all.size());
    std::copy(all.begin(), all.end(), room.begin());
    input.filled(all.size());
  }
  /// What a read returns: text, or the error.
  std::pair<std::size_t, std::error_code> read(std::size_t room = 100'000) {
    test::byte_string into(room);
    std::size_t n = 0;
    std::error_code ec;
    layer->read(asio::buffer(into), false, n, ec);
    return {n, ec};
  }
  /// The alert that the layer has sent last. 0: none.
  int alert() {
    int last = 0;
    const_bytes all = output.data();
    test::byte_string text(record_text);
    while (!all.empty()) {
      const std::size_t size =
          record_header + (std::to_integer<std::size_t>(all[3]) << 8 | std::to_integer<std::size_t>(all[4]));
      const auto got = opens->open(all.first(size), text.data());
      REQUIRE(got);
      if (got->type == 21) last = std::to_integer<int>(text[1]);
      all = all.subspan(size);
    }
    return last;
  }

  tls_secrets secrets;
  tls_buffer input, output;
  std::optional<tls13_layer> layer;
  std::optional<record_keys> seals, opens;
};

int reason_of(std::error_code ec) { return ERR_GET_REASON(static_cast<unsigned long>(ec.value())); }

TEST_CASE("tls13 layer: what no peer may send ends the connection with the alert for it", "[proxy][tls]") {
  struct misdeed {
    const char* what;
    std::function<void(forger&)> do_it;
    int alert;
  };
  const auto raw = [](const char* head, std::size_t rest = 100) {
    return [=](forger& f) {
      auto all = testing::from_hex(head);
      all.resize(all.size() + rest);
      f.send_raw(all);
    };
  };
  const auto sent = [](record_type type, const char* text) {
    return [=](forger& f) { f.send(type, testing::from_hex(text)); };
  };
  const misdeed all[] = {
      {"an alert in plaintext", raw("1503030002"), SSL_AD_UNEXPECTED_MESSAGE},
      {"a handshake record in plaintext", raw("1603030002"), SSL_AD_UNEXPECTED_MESSAGE},
      {"ChangeCipherSpec", raw("1403030001"), SSL_AD_UNEXPECTED_MESSAGE},
      {"another version", raw("1703010064"), SSL_AD_PROTOCOL_VERSION},
      {"a record that is too long", raw("1703034101", 0), SSL_AD_RECORD_OVERFLOW},
      {"a record without a tag", raw("1703030010"), SSL_AD_BAD_RECORD_MAC},
      {"a record that is not authentic", raw("1703030064"), SSL_AD_BAD_RECORD_MAC},
      {"text that is too long",
       [](forger& f) { f.send(record_type::application_data, test::pattern(16385)); },
       SSL_AD_RECORD_OVERFLOW},
      {"no type", [](forger& f) { f.send(record_type{}, {}); }, SSL_AD_UNEXPECTED_MESSAGE},
      {"another type", [](forger& f) { f.send(record_type{24}, test::pattern(3)); },
       SSL_AD_UNEXPECTED_MESSAGE},
      {"an alert of three bytes", sent(record_type::alert, "010000"), SSL_AD_UNEXPECTED_MESSAGE},
      {"a request for a certificate", sent(record_type::handshake, "0d00000100"), SSL_AD_UNEXPECTED_MESSAGE},
      {"new keys with another value", sent(record_type::handshake, "1800000102"), SSL_AD_ILLEGAL_PARAMETER},
      {"text inside a message",
       [](forger& f) {
         f.send(record_type::handshake, testing::from_hex("0400"));
         f.send(record_type::application_data, test::pattern(10));
       },
       SSL_AD_UNEXPECTED_MESSAGE},
      {"many records without text",
       [](forger& f) {
         for (int i = 0; i < 33; ++i) f.send(record_type::application_data, {});
       },
       SSL_AD_UNEXPECTED_MESSAGE},
  };
  for (const misdeed& m : all)
    for (const bool peeked : {false, true}) {
      CAPTURE(m.what, peeked);
      forger f;
      f.send(record_type::application_data, test::pattern(1000));
      m.do_it(f);
      CHECK(f.read(1000).first == 1000);
      if (peeked) CHECK_FALSE(f.layer->needs_input());
      const auto [n, ec] = f.read();
      CHECK(n == 0);
      CHECK(ec.category() == asio::error::get_ssl_category());
      CHECK_FALSE(ec.message().empty());
      CHECK(f.layer->failure() == ec);
      CHECK(f.alert() == m.alert);
      CHECK(f.read().second == ec);
      std::error_code refused;
      const asio::const_buffer part("x", 1);
      text_list text({&part, 1});
      CHECK(f.layer->write(text, 1, refused) == 0);
      CHECK(refused == ec);
    }
}

TEST_CASE("tls13 layer: records without text between others do no harm", "[proxy][tls]") {
  forger f;
  for (int i = 0; i < 100; ++i) {
    for (int j = 0; j < 30; ++j) f.send(record_type::application_data, {});
    f.send(record_type::handshake, testing::from_hex("0400000100"));
    f.send(record_type::alert, testing::from_hex("015a"));  // user_canceled
    f.send(record_type::application_data, test::pattern(7));
  }
  CHECK(f.read() == std::pair(std::size_t{700}, std::error_code()));
}

TEST_CASE("tls13 layer: the peer's alert is the error, and gets no answer", "[proxy][tls]") {
  for (int what = 1; what < 256; ++what) {
    if (what == SSL_AD_USER_CANCELLED) continue;
    forger f;
    f.send(record_type::alert, {std::byte{2}, static_cast<std::byte>(what)});
    CHECK(reason_of(f.read().second) == SSL_AD_REASON_OFFSET + what);
    CHECK(f.output.empty());
  }
}

TEST_CASE("tls13 layer: close_notify is EOF, behind the text", "[proxy][tls]") {
  forger f;
  f.send(record_type::application_data, test::pattern(50));
  f.send(record_type::alert, testing::from_hex("0100"));
  f.send(record_type::application_data, test::pattern(50));
  CHECK_FALSE(f.layer->is_closed_by_peer());
  CHECK(f.read(20).first == 20);
  CHECK(f.layer->opened() == 30);
  CHECK(f.read().first == 30);
  CHECK(f.read().second == asio::error::eof);
  CHECK(f.layer->is_closed_by_peer());
  CHECK(f.read() == std::pair(std::size_t{0}, std::error_code(asio::error::eof)));
}

TEST_CASE("tls13 layer: a ticket in two records, and new keys behind it", "[proxy][tls]") {
  forger f;
  f.send(record_type::handshake, testing::from_hex("0400 0010 00112233"));
  CHECK(f.read() == std::pair(std::size_t{0}, std::error_code()));
  f.send(record_type::handshake, testing::from_hex("445566778899aabbccddee ff18000001 01"));
  f.seals->update();
  f.send(record_type::application_data, test::pattern(9));
  CHECK(f.read() == std::pair(std::size_t{9}, std::error_code()));

  // The answer comes with the next text.
  CHECK(f.output.empty());
  std::error_code ec;
  const asio::const_buffer part("x", 1);
  text_list text({&part, 1});
  CHECK(f.layer->write(text, 1, ec) == 1);
  test::byte_string room(100);
  const auto update = f.opens->open(f.output.data().first(record_overhead + 5), room.data());
  REQUIRE(update);
  CHECK(update->type == 22);
  CHECK(test::byte_string(room.begin(), room.begin() + 5) == testing::from_hex("18000001 00"));
  f.opens->update();
  CHECK(f.opens->open(f.output.data().subspan(record_overhead + 5), room.data()));
}

}  // namespace tls13_layer_test
