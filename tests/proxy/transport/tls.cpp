// TLS between two sockets: which peers are accepted, and what is agreed upon.
#include "catch.hpp"
#include "tls_meeting.hpp"

#include <asio/ssl/context.hpp>
#include <asio/ssl/stream.hpp>

#include <openssl/ssl.h>

#include <fstream>
#include <iterator>
#include <string>

namespace {

using namespace tls_test;

// In TLS 1.3 a client is done before the server has looked at its certificate: it reads what came of that.
std::error_code verdict_for_client(meeting& m) {
  if (m.client->ec) return m.client->ec;
  return test::run(m.io, read_one(*m.client->c));
}

}  // namespace

TEST_CASE("tls: both sides verify the right certificates and exchange bytes", "[proxy][tls]") {
  meeting m(of_client(), of_server());
  REQUIRE(m.both());
  CHECK(test::run(m.io, say(*m.client->c, *m.server->c, "hello")) == "hello");
  const std::string much(300'000, 'x');
  CHECK(test::run(m.io, say(*m.server->c, *m.client->c, much.substr(0, 100'000))) == much.substr(0, 100'000));
  CHECK(meeting(of_client("127.0.0.1"), of_server()).both());
}

TEST_CASE("tls: a server gets the client's server name and the common protocol", "[proxy][tls]") {
  tls_options client = of_client(), server = of_server();
  {
    meeting m(client, server);
    REQUIRE(m.both());
    CHECK(m.server->c->greeted_with().name == "server.example");
    CHECK(m.server->c->greeted_with().alpn.empty());
    CHECK(m.client->c->greeted_with().name.empty());
  }
  client.alpn = {"h2", "http/1.1"};
  server.alpn = {"http/1.1"};
  client.name = "127.0.0.1";
  meeting m(client, server);
  REQUIRE(m.both());
  CHECK(m.server->c->greeted_with().name.empty());
  CHECK(m.server->c->greeted_with().alpn == "http/1.1");
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

TEST_CASE("tls: a client that does not verify accepts any certificate", "[proxy][tls]") {
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

/// A server that sends the certificate of its authority, too.
tls_options with_authority_in_chain(const test::identity& i = known().server) {
  tls_options o = of_server(i);
  std::string chain;
  for (const std::string& file : {i.certificate_file, known().ca.certificate_file}) {
    std::ifstream in(file);
    chain.append(std::istreambuf_iterator<char>(in), {});
  }
  o.certificate = chain;
  return o;
}

TEST_CASE("tls: a pinned authority of the server's chain vouches for its name", "[proxy][tls]") {
  tls_options o;
  o.pins = {known().ca.pin};
  o.name = "server.example";
  CHECK(meeting(o, with_authority_in_chain()).both());
  tls_options second = o;
  second.name = "front.example";
  second.other_names = {"none.example", "server.example"};
  CHECK(meeting(second, with_authority_in_chain()).both());

  const auto refused_by = [](const tls_options& client, const tls_options& server) {
    CHECK(meeting(client, server).client->ec == tls_errc::unknown_certificate);
  };
  refused_by(o, of_server());  // it does not send the authority
  refused_by(o, with_authority_in_chain(known().expired));
  refused_by(o, with_authority_in_chain(known().mallory));  // signed by another one
  tls_options other = o;
  other.name = "other.example";
  refused_by(other, with_authority_in_chain());
  tls_options nameless = o;
  nameless.name.clear();
  refused_by(nameless, with_authority_in_chain());
  tls_options unpinned = o;
  unpinned.pins = {known().mallory.pin};
  refused_by(unpinned, with_authority_in_chain());
}

TEST_CASE("tls: a pinned certificate that is no authority signs nothing", "[proxy][tls]") {
  const test::identity below =
      test::make_identity(known().at, "below", "DNS:server.example", &known().server);
  tls_options o, server = of_server(below);
  o.pins = {known().server.pin};
  o.name = "server.example";
  std::string chain;
  for (const std::string& file : {below.certificate_file, known().server.certificate_file}) {
    std::ifstream in(file);
    chain.append(std::istreambuf_iterator<char>(in), {});
  }
  server.certificate = chain;
  CHECK(meeting(o, server).client->ec == tls_errc::unknown_certificate);
}

TEST_CASE("tls: a server that requests certificates accepts those of its authority", "[proxy][tls]") {
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
  // By its pin alone, without a signature.
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

TEST_CASE("tls: options that cannot work are reported in a sentence", "[proxy][tls]") {
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
  CHECK_THROWS_WITH(tls_transport(role::server, o),
                    ContainsSubstring("alice.key: it does not belong to the certificate in "));
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
