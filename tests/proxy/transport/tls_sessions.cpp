// Sessions that a client resumes: with both sides' consent, once each, not with clients' certificates, and
// not behind a reload of the server.
#include "catch.hpp"
#include "tls_meeting.hpp"

#include "proxy/transport/tls_stream.hpp"

#include <openssl/ssl.h>

#include <memory>
#include <string>

namespace tls_sessions_test {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace tls_test;

namespace {

/// Null if the side has forgotten its handshake, as each does in TLS 1.3 but a client that resumes.
SSL* ssl_of(const opened& side) {
  return dynamic_cast<connection_over<tls_stream<stream_socket>>&>(*side.c).stream().ssl();
}
bool resumed(SSL* tls) { return tls && SSL_session_reused(tls) == 1; }

struct pair_of_ends {
  std::shared_ptr<tls_transport> client, server;

  pair_of_ends(tls_options c, tls_options s)
      : client(std::make_shared<tls_transport>(role::client, std::move(c))),
        server(std::make_shared<tls_transport>(role::server, std::move(s))) {}
  /// "whole", "resumed", or what is wrong.
  std::string meet() const {
    meeting m(client, server);
    if (!m.both()) return m.client->ec.message();
    // Behind the first bytes the client has the tickets, too.
    if (test::run(m.io, say(*m.server->c, *m.client->c, "hello")) != "hello") return "no hello";
    if (test::run(m.io, say(*m.client->c, *m.server->c, "hello")) != "hello") return "no answer";
    SSL* const client_ssl = ssl_of(*m.client);
    SSL* const server_ssl = ssl_of(*m.server);
    if (server_ssl && resumed(client_ssl) != resumed(server_ssl)) return "the sides disagree";
    if (!m.server->c->greeted_with().name.ends_with(".example")) return "no name";
    return resumed(client_ssl) ? "resumed" : "whole";
  }
};

tls_options resuming(tls_options o) {
  o.resumes = true;
  return o;
}

}  // namespace

TEST_CASE("tls sessions: resumed if both sides want that", "[proxy][tls]") {
  for (const int version : {0x0303, 0x0304}) {
    tls_options c = resuming(of_client()), s = resuming(of_server());
    c.least_version = c.most_version = s.least_version = s.most_version = version;
    const pair_of_ends both(c, s);
    CHECK(both.meet() == "whole");
    for (int i = 0; i < 5; ++i) CHECK(both.meet() == "resumed");
  }
  const pair_of_ends only_client(resuming(of_client()), of_server());
  const pair_of_ends only_server(of_client(), resuming(of_server()));
  for (int i = 0; i < 3; ++i) {
    CHECK(only_client.meet() == "whole");
    CHECK(only_server.meet() == "whole");
  }
}

TEST_CASE("tls sessions: a reload of either side begins with a whole handshake", "[proxy][tls]") {
  const pair_of_ends both(resuming(of_client()), resuming(of_server()));
  for (const auto& side : {both.client, both.server}) {
    both.meet();
    CHECK(both.meet() == "resumed");
    side->reload();
    CHECK(both.meet() == "whole");
    CHECK(both.meet() == "resumed");
  }
}

TEST_CASE("tls sessions: a server that authenticates its clients gives no tickets", "[proxy][tls]") {
  tls_options c = resuming(of_client()), s = resuming(of_server());
  c.certificate = known().alice.certificate_file;
  c.key = known().alice.key_file;
  s.authority = known().ca.certificate_file;
  const pair_of_ends both(c, s);
  for (int i = 0; i < 3; ++i) CHECK(both.meet() == "whole");
}

TEST_CASE("tls sessions: a resumed one still has the certificate that was pinned", "[proxy][tls]") {
  tls_options c = resuming(of_client());
  c.authority.clear();
  c.pins = {known().server.pin};
  const pair_of_ends both(c, resuming(of_server()));
  CHECK(both.meet() == "whole");
  CHECK(both.meet() == "resumed");
}

TEST_CASE("tls sessions: a session is not resumed under another name", "[proxy][tls]") {
  const test::identity other = test::make_identity(known().at, "second", "DNS:second.example", &known().ca);
  tls_options s = resuming(of_server());
  s.others.push_back({other.certificate_file, other.key_file, false});
  const auto server = std::make_shared<tls_transport>(role::server, s);
  pair_of_ends first(resuming(of_client("server.example")), s),
      second(resuming(of_client("second.example")), s);
  first.server = second.server = server;
  CHECK(first.meet() == "whole");
  CHECK(second.meet() == "whole");
  CHECK(first.meet() == "resumed");
  CHECK(second.meet() == "resumed");
}

}  // namespace tls_sessions_test
