// tls_stream: a fatal alert of the peer is an error for each read that follows, however it was noticed, and
// no end of the text.
#include "catch.hpp"
#include "tls_link.hpp"

#include <asio/ssl/error.hpp>

#include <string>

namespace tls_alerts_test {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace tls_test;

/// The client of `l` sends an alert, because it gets what is no record.
template <class Link>
void make_client_fail(Link& l) {
  const auto forged = test::to_bytes(std::string("\x17\x03\x03\x00\x40", 5) + std::string(64, 'x'));
  REQUIRE_FALSE(test::run(l.io, write_all(l.server->next_layer(), forged)));
  REQUIRE(fate_of_read(l.io, *l.client).category() == asio::error::get_ssl_category());
}

TEMPLATE_TEST_CASE("tls stream: a fatal alert in the same read as text is no EOF", "[proxy][tls]",
                   TLS_KINDS) {
  tls_link<TestType> l;
  const auto text = test::pattern(1000);
  REQUIRE_FALSE(test::run(l.io, write_all(*l.client, text)));
  make_client_fail(l);
  std::error_code ec;
  CHECK((test::run(l.io, read_until(*l.server, text.size() + 1, ec)) == text));
  CHECK(ec.category() == asio::error::get_ssl_category());
  for (int i = 0; i < 2; ++i) CHECK(fate_of_read(l.io, *l.server) == ec);
}

TEMPLATE_TEST_CASE("tls stream: a fatal alert that a wait has found is no EOF", "[proxy][tls]", TLS_KINDS) {
  tls_link<TestType> l;
  make_client_fail(l);
  const auto wait = [&]() { return l.server->async_wait_for_bytes(asio::use_awaitable); };
  CHECK(test::run(l.io, wait()) == 0);
  test::byte_string room(100);
  std::error_code ec;
  CHECK(l.server->read_now(room, ec) == 0);
  CHECK(ec.category() == asio::error::get_ssl_category());
  CHECK(fate_of_read(l.io, *l.server) == ec);
}

}  // namespace tls_alerts_test
