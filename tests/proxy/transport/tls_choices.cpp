// What tlsSettings choose: a certificate by the name that a client asks for, versions, suites, names in the
// server's certificate, PEM in the configuration itself, files that are read once, secrets for Wireshark.
#include "catch.hpp"
#include "tls_meeting.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace tls_choices {

using namespace muxpro;
using namespace muxpro::proxy;
using tls_test::known;
using tls_test::meeting;
using tls_test::of_client;
using tls_test::of_server;

std::string content_of(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

tls_options two_names(const test::identity& second) {
  tls_options o = of_server();
  o.others.push_back({second.certificate_file, second.key_file, false});
  return o;
}

TEST_CASE("tls: the name that a client asks for chooses a certificate", "[proxy][tls]") {
  const test::identity other =
      test::make_identity(known().at, "other", "DNS:other.example,DNS:*.wild.example", &known().ca);
  CHECK(meeting(of_client("server.example"), two_names(other)).both());
  CHECK(meeting(of_client("other.example"), two_names(other)).both());
  CHECK(meeting(of_client("a.wild.example"), two_names(other)).both());
  CHECK_FALSE(meeting(of_client("none.example"), two_names(other)).both());
  tls_options strict = two_names(other);
  strict.reject_unknown_names = true;
  strict.alpn = {"h2"};
  tls_options client = of_client("other.example");
  client.alpn = {"h2"};
  CHECK(meeting(client, strict).both());
  tls_options trusting = of_client("none.example");
  trusting.verify = false;
  CHECK(meeting(trusting, two_names(other)).both());
  CHECK_FALSE(meeting(trusting, strict).both());
}

TEST_CASE("tls: versions and suites", "[proxy][tls]") {
  tls_options client = of_client(), server = of_server();
  client.most_version = client.least_version = 0x0303;
  CHECK_FALSE(meeting(client, server).both());
  server.least_version = 0x0303;
  {
    meeting m(client, server);
    CHECK(m.both());
    if (m.both()) CHECK(test::run(m.io, tls_test::say(*m.client->c, *m.server->c, "hello")) == "hello");
  }
  client.ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384";
  server.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";
  CHECK_FALSE(meeting(client, server).both());
  server.ciphers = client.ciphers;
  CHECK(meeting(client, server).both());
  client = of_client();
  server = of_server();
  client.groups = "X25519";
  server.groups = "P-256";
  CHECK_FALSE(meeting(client, server).both());
}

TEST_CASE("tls: other names for the server's certificate, and no authorities of the system", "[proxy][tls]") {
  tls_options client = of_client("front.example");
  CHECK_FALSE(meeting(client, of_server()).both());
  client.other_names = {"none.example", "server.example"};
  CHECK(meeting(client, of_server()).both());
  client.authority.clear();
  client.system_authorities = false;
  CHECK_FALSE(meeting(client, of_server()).both());
}

TEST_CASE("tls: a server whose protocols do not matter goes on without an agreement", "[proxy][tls]") {
  tls_options client = of_client(), server = of_server();
  server.alpn = {"h2", "http/1.1"};
  server.alpn_matters = false;
  CHECK(meeting(client, server).both());
  client.alpn = {"http/1.1"};
  CHECK(meeting(client, server).both());
  client.alpn = {"other"};
  CHECK(meeting(client, server).client->ec == tls_errc::no_agreement);
}

TEST_CASE("tls: PEM in place of file names, and files that are read once", "[proxy][tls]") {
  tls_options inline_pem = of_server();
  inline_pem.certificate = content_of(inline_pem.certificate);
  inline_pem.key = content_of(inline_pem.key);
  CHECK(meeting(of_client(), inline_pem).both());
  const test::identity brief = test::make_identity(known().at, "brief", "DNS:server.example", &known().ca);
  tls_options once = of_server(brief), again = of_server(brief);
  once.certificate_once = true;
  const auto kept = std::make_shared<tls_transport>(role::server, once);
  const auto lost = std::make_shared<tls_transport>(role::server, again);
  std::filesystem::remove(brief.certificate_file);
  CHECK_NOTHROW(kept->reload());
  CHECK_THROWS(lost->reload());
  CHECK(meeting(std::make_shared<tls_transport>(role::client, of_client()), kept).both());
}

TEST_CASE("tls: secrets of handshakes go to a file", "[proxy][tls]") {
  tls_options client = of_client();
  client.key_log = known().at / "keys";
  CHECK(meeting(client, of_server()).both());
  CHECK(content_of(client.key_log).find("CLIENT_TRAFFIC_SECRET_0 ") != std::string::npos);
  client.key_log = "/nowhere/keys";
  CHECK_THROWS_WITH(tls_transport(role::client, client),
                    Catch::Matchers::StartsWith("cannot write /nowhere/keys"));
}

}  // namespace tls_choices
