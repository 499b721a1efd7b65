// Users with certificates: their names, in rules, counters and the log.
#include "configured.hpp"
#include "kept_lines.hpp"
#include "server_engine.hpp"
#include "tls_meeting.hpp"

#include "proxy/base/log_text.hpp"

#include <muxpro/sub_datagram.hpp>

#include <optional>
#include <string>
#include <vector>

namespace {

using namespace configured_test;
using tls_test::known;

/// What a server calls a client whose certificate's subject has these common names.
std::string called(const std::vector<std::string>& common_names, std::string* pin = nullptr) {
  const test::directory here;
  const auto who = test::make_identity(here, "who", "DNS:who.example", &known().ca, 3600, common_names);
  if (pin) *pin = who.pin;
  tls_options server = tls_test::of_server(), client = tls_test::of_client();
  server.authority = known().ca.certificate_file;
  client.certificate = who.certificate_file;
  client.key = who.key_file;
  const tls_test::meeting m(client, server);
  return m.both() ? m.server->c->user() : "nobody";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string to_main_connection(std::uint16_t port) {
  return fmt::format(R"("protocol": "mux.pro", "settings": {{"address": "127.0.0.1", "port": {}}})", port);
}

/// The answer of a target by SOCKS and `outbound` over TLS, with this client certificate.
std::string asked(bench& b, const test::identity& who, const std::string& outbound) {
  auto p = made(fmt::format(
      R"({{"inbounds": [{{"protocol": "socks", "listen": "127.0.0.1", "port": 0}}],
          "outbounds": [{{{}, "streamSettings": {{"security": "tls", "tlsSettings": {{
            "serverName": "127.0.0.1", "certificates": [
              {{"usage": "verify", "certificateFile": "{}"}},
              {{"certificateFile": "{}", "keyFile": "{}"}}]}}}}}}]}})",
      outbound, known().ca.certificate_file, who.certificate_file, who.key_file));
  p->start();
  const std::string out = b.by_tcp(port_of(p->listening()[0]), b.port());
  finish(p);
  return out;
}

/// An inbound over TLS that asks for certificates.
std::string behind_certificates(const std::string& inbound, const std::string& rest) {
  return fmt::format(
      R"({{"inbounds": [{{"tag": "in", "listen": "127.0.0.1", "port": 0, {},
            "streamSettings": {{"security": "tls", "tlsSettings": {{"certificates": [
              {{"usage": "verify", "certificateFile": "{}"}},
              {{"certificateFile": "{}", "keyFile": "{}"}}]}}}}}}], {}}})",
      inbound, known().ca.certificate_file, known().server.certificate_file, known().server.key_file, rest);
}

/// One datagram by a main connection with this client certificate, and back.
asio::awaitable<std::shared_ptr<session>> send_as(const test::identity& who, tcp::endpoint server,
                                                  asio::ip::udp::endpoint target) {
  tls_options o = tls_test::of_client("127.0.0.1");
  o.certificate = who.certificate_file;
  o.key = who.key_file;
  tcp::socket socket(co_await asio::this_coro::executor);
  co_await socket.async_connect(server, asio::use_awaitable);
  std::error_code ec;
  const auto c =
      co_await tls_transport(role::client, o).open(make_connection(stream_socket(std::move(socket))), ec);
  if (ec) throw std::system_error(ec);
  const auto s = std::make_shared<session>(c->into_session(role::client, {}));
  s->async_run(asio::detached);
  open_request request({network::udp, "127.0.0.1", target.port()});
  request.source = global_id{1, 2, 3, 4, 5, 6, 7, 8};
  sub_datagram d(co_await s->async_open(request));
  co_await d.async_send(asio::buffer("x", 1));
  std::array<char, 10> room;
  host_port from;
  co_await d.async_receive_from(asio::buffer(room), from);
  co_return s;
}

asio::awaitable<void> answer_datagrams(asio::ip::udp::socket& at) {
  std::array<char, 10> room;
  for (;;) {
    asio::ip::udp::endpoint from;
    const auto [error, n] = co_await at.async_receive_from(asio::buffer(room), from, as_result);
    if (error) co_return;
    co_await at.async_send_to(asio::buffer(room.data(), n), from, as_result);
  }
}

}  // namespace

TEST_CASE("certificate users: are called by the common name", "[proxy][tls][users]") {
  CHECK(called({"alice"}) == "alice");
  CHECK(called({"Alice Smith"}) == "Alice Smith");
  CHECK(called({"J\xc3\xbcrgen"}) == "J\xc3\xbcrgen");
  CHECK(called({std::string(64, 'a')}) == std::string(64, 'a'));
}

TEST_CASE("certificate users: names that could pass for others are replaced", "[proxy][tls][users]") {
  const std::string pin_of_another = "sha256:" + known().alice.pin;
  for (const std::vector<std::string>& names :
       std::vector<std::vector<std::string>>{{},
                                             {""},
                                             {"alice", "bob"},
                                             {"alice\n1 192.0.2.1 in user bob"},
                                             {"alice\0bob"s},
                                             {"al\x1b[2Kbob"},
                                             {"\x7f"},
                                             {std::string(65, 'a')},
                                             {std::string(20'000, 'a')},
                                             {pin_of_another}}) {
    std::string pin;
    const std::string name = called(names, &pin);
    CHECK(name == "sha256:" + pin);
  }
}

TEST_CASE("certificate users: without an authority the pin is the name", "[proxy][tls][users]") {
  const test::directory here;
  const auto self_made =
      test::make_identity(here, "self-made", "DNS:who.example", nullptr, 3600, {{"alice"}});
  const auto called_as = [&](const test::identity& who, bool authority) {
    tls_options server = tls_test::of_server(), client = tls_test::of_client();
    server.pins = {self_made.pin, known().alice.pin};
    if (authority) server.authority = known().ca.certificate_file;
    client.certificate = who.certificate_file;
    client.key = who.key_file;
    const tls_test::meeting m(client, server);
    return m.both() ? m.server->c->user() : "nobody";
  };
  CHECK(called_as(self_made, false) == "sha256:" + self_made.pin);
  CHECK(called_as(known().alice, false) == "sha256:" + known().alice.pin);
  CHECK(called_as(known().alice, true) == "alice");
  CHECK(called_as(self_made, true) == "nobody");
}

TEST_CASE("certificate users: without a request for a certificate there is no name", "[proxy][tls][users]") {
  tls_options client = tls_test::of_client();
  client.certificate = known().alice.certificate_file;
  client.key = known().alice.key_file;
  const tls_test::meeting m(client, tls_test::of_server());
  REQUIRE(m.both());
  CHECK(m.server->c->user().empty());
  CHECK(m.client->c->user().empty());
}

TEST_CASE("certificate users: a name has no blanks in a line", "[proxy][users]") {
  CHECK(percent_encoded("alice@example.com") == "alice@example.com");
  CHECK(percent_encoded("Alice Smith") == "Alice%20Smith");
  CHECK(percent_encoded("a\nb\0\x7f"s) == "a%0Ab%00%7F");
  CHECK(percent_encoded("a%20b") == "a%2520b");
  CHECK(percent_encoded("\xe2\x80\xae") == "%E2%80%AE");
  CHECK(percent_encoded("") == "");
}

TEST_CASE("certificate users: rules, counters and the log have a main connection's user",
          "[proxy][configured][users]") {
  bench b;
  const test::directory here;
  const auto bob = test::make_identity(here, "bob", "DNS:bob.example", &known().ca, 3600, {{"Bob -> b"}});
  test::kept_lines access;
  auto server = made(behind_certificates(R"("protocol": "mux.pro")",
                                         R"("outbounds": [{"tag": "direct", "protocol": "freedom"},
                                                                {"tag": "no", "protocol": "blackhole"}],
                             "routing": {"rules": [{"user": "Bob -> b", "outboundTag": "no"}]},
                             "metrics": {"listen": "127.0.0.1:0"})"),
                     access.sink());
  server->start();
  const std::string outbound = to_main_connection(port_of(server->listening()[0]));
  CHECK(asked(b, known().alice, outbound) == "hello");
  CHECK(asked(b, bob, outbound) != "hello");
  const tcp::endpoint status = to_tcp(server->listening()[1].at);
  const std::string metrics =
      test::run(b.io, say(tcp::socket(b.io), status, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  CHECK(has(metrics, "muxpro_connections_total{kind=\"user\",name=\"alice\"} 1\n"));
  finish(server);
  CHECK(access.has(" in user alice -> tcp:127.0.0.1"));
  CHECK(access.has(" in user Bob%20->%20b -> tcp:127.0.0.1"));
}

TEST_CASE("certificate users: a login replaces the certificate's name", "[proxy][configured][users]") {
  bench b;
  const auto name_in_log = [&](const std::string& settings, const std::string& users) {
    test::kept_lines access;
    auto server = made(behind_certificates(R"("protocol": "socks", "settings": )" + settings,
                                           R"("outbounds": [{"protocol": "freedom"}])"),
                       access.sink());
    server->start();
    const std::uint16_t port = port_of(server->listening()[0]);
    CHECK(asked(b, known().alice,
                fmt::format(R"("protocol": "socks", "settings": {{"servers": [
                              {{"address": "127.0.0.1", "port": {}, "users": {}}}]}})",
                            port, users)) == "hello");
    finish(server);
    const std::string line = access.all().at(0);
    const auto begin = line.find(" in "), end = line.find(" -> ");
    return begin < end ? line.substr(begin + 4, end - begin - 4) : line;
  };
  const std::string carol = R"([{"user": "carol", "pass": "secret"}])";
  CHECK(name_in_log("{}", "[]") == "user alice");
  CHECK(name_in_log(R"({"accounts": )" + carol + "}", carol) == "user carol");
}

TEST_CASE("certificate users: a server's log names them", "[proxy][server][users]") {
  bench b;
  tls_options o = tls_test::of_server();
  o.authority = known().ca.certificate_file;
  test::kept_lines log;
  test::server_engine server({}, 1, log.sink());
  const auto at = server.listen(tcp::endpoint(make_address("127.0.0.1"), 0),
                                transport_options(std::make_shared<const tls_transport>(role::server, o)));
  server.start();
  CHECK(asked(b, known().alice, to_main_connection(at.port())) == "hello");
  server.drain();
  server.wait();
  CHECK(log.has("main connection 1 of 127.0.0.1 user alice: "));
}

TEST_CASE("certificate users: a user cannot take another one's outside port (L2)", "[proxy][server][users]") {
  bench b;
  asio::ip::udp::socket target(b.io, {make_address("127.0.0.1"), 0});
  asio::co_spawn(b.io, answer_datagrams(target), asio::detached);
  const test::directory here;
  const auto bob = test::make_identity(here, "bob", "DNS:bob.example", &known().ca);
  tls_options o = tls_test::of_server();
  o.authority = known().ca.certificate_file;
  test::server_engine server;
  const auto at = server.listen(tcp::endpoint(make_address("127.0.0.1"), 0),
                                transport_options(std::make_shared<const tls_transport>(role::server, o)));
  server.start();
  std::vector<std::shared_ptr<session>> open;
  const auto mappings_after = [&](const test::identity& who) {
    open.push_back(test::run(b.io, send_as(who, at, target.local_endpoint())));
    return server.nat.mappings();
  };
  CHECK(mappings_after(known().alice) == 1);
  CHECK(mappings_after(bob) == 2);
  CHECK(mappings_after(known().alice) == 2);
}

TEST_CASE("certificate users: a name is no address", "[proxy][users]") {
  const auto key = [](const std::string& user, const char* address = "127.0.0.1") {
    context::inbound_part client;
    client.user.name = user;
    client.source = make_address(address);
    return udp_nat::owner(client).key;
  };
  CHECK(key("alice") == key("alice", "192.0.2.1"));
  CHECK(key("alice") != key("bob"));
  CHECK(key("") != key("", "192.0.2.1"));
  CHECK(key("", "2001:db8::1") == key("", "2001:db8::ffff:1"));
  CHECK(key("", "2001:db8::1") != key("", "2001:db8:0:1::1"));
  CHECK(key("", "::ffff:192.0.2.1") == key("", "192.0.2.1"));
  for (const std::string& name : {"127.0.0.1"s, key(""), key("alice")}) CHECK(key(name) != key(""));
}
