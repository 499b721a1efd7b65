// tls_stream: text goes through whole, in any cuts, and ends as it should.
#include "catch.hpp"
#include "tls_link.hpp"

#include <asio/ssl/error.hpp>

#include <array>
#include <vector>

namespace {

using namespace tls_test;

template <class Link>
void send_through(Link& l, const test::byte_string& text, std::size_t part = 200'000) {
  std::optional<std::error_code> written;
  asio::co_spawn(l.io, write_all(*l.client, text),
                 [&](std::exception_ptr, std::error_code ec) { written = ec; });
  std::error_code ec;
  const auto got = test::run(l.io, read_until(*l.server, text.size(), ec, part));
  CHECK(ec == std::error_code());
  CHECK((got == text));
  test::run_until(l.io, [&] { return written.has_value(); });
  CHECK(*written == std::error_code());
}

}  // namespace

TEMPLATE_TEST_CASE("tls stream: text of any size goes through", "[proxy][tls]", TLS_KINDS) {
  tls_link<TestType> l;
  for (const std::size_t size : sizes{1, 2, 1000, 16383, 16384, 16385, 65536, 262144, 300'000, 1 << 20})
    send_through(l, test::pattern(size));
}

TEST_CASE("tls stream: the stream below may cut records anywhere", "[proxy][tls]") {
  for (const std::size_t capacity : sizes{1, 2, 3, 5, 6, 7, 21, 22, 23, 100, 1400, 16405, 16406, 16407}) {
    tls_link<pipes> l(capacity);
    send_through(l, test::pattern(5000));
    send_through(l, test::pattern(40'000));
  }
}

TEMPLATE_TEST_CASE("tls stream: a reader may take parts of records", "[proxy][tls]", TLS_KINDS) {
  tls_link<TestType> l;
  for (const std::size_t part : sizes{1, 7, 1349, 1351, 16383, 16385})
    send_through(l, test::pattern(part == 1 ? 20'000 : 50'000), part);
}

TEMPLATE_TEST_CASE("tls stream: one read takes many records, into several buffers", "[proxy][tls]",
                   TLS_KINDS) {
  tls_link<TestType> l(1 << 20);
  const auto text = test::pattern(150'000);
  REQUIRE(test::run(l.io, write_all(*l.client, text)) == std::error_code());
  std::vector<std::byte> a(10), b(100'000), c(100'000);
  const std::array<asio::mutable_buffer, 4> parts{asio::buffer(a), asio::mutable_buffer(), asio::buffer(b),
                                                  asio::buffer(c)};
  std::size_t reads = 0, all = 0;
  while (all < text.size()) {
    const auto read = [&]() { return l.server->async_read_some(parts, asio::use_awaitable); };
    all += test::run(l.io, read());
    ++reads;
  }
  CHECK(all == text.size());
  // A pipe's first read below is small.
  CHECK(reads <= 4);
}

// A first read takes 16,645 bytes off the socket, a full record and a whole short one.
TEMPLATE_TEST_CASE("tls stream: a read that begins with a short record takes what is behind it",
                   "[proxy][tls]", sockets, openssl_sockets) {
  tls_link<TestType> l;
  send_through(l, test::pattern(300'000));  // full records from now on
  for (const std::size_t size : sizes{16384, 217, 16384})
    REQUIRE(test::run(l.io, write_all(*l.client, test::pattern(size))) == std::error_code());
  std::error_code ec;
  REQUIRE(test::run(l.io, read_until(*l.server, 16384, ec, 16384)).size() == 16384);
  std::vector<std::byte> room(50'000);
  const auto read = [&] { return l.server->async_read_some(asio::buffer(room), asio::use_awaitable); };
  CHECK(test::run(l.io, read()) == 217 + 16384);
}

TEMPLATE_TEST_CASE("tls stream: a gather write goes in few records", "[proxy][tls]", TLS_KINDS) {
  tls_link<TestType> l(1 << 20);
  const auto text = test::pattern(200'000);
  std::vector<asio::const_buffer> parts;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t n = std::min(parts.size() % 4 ? std::size_t{30'000} : std::size_t{8}, text.size() - at);
    parts.push_back(asio::buffer(text.data() + at, n));
    parts.emplace_back();
    at += n;
  }
  const auto write = [&]() { return l.client->async_write_some(parts, asio::use_awaitable); };
  CHECK(test::run(l.io, write()) == text.size());
  std::error_code ec;
  CHECK((test::run(l.io, read_until(*l.server, text.size(), ec)) == text));
}

TEMPLATE_TEST_CASE("tls stream: a write takes 256 KiB at most", "[proxy][tls]", TLS_KINDS) {
  tls_link<TestType> l(1 << 20);
  const auto text = test::pattern(1 << 20);
  std::size_t taken = 0;
  l.client->async_write_some(asio::buffer(text), [&](std::error_code, std::size_t n) { taken = n; });
  std::error_code ec;
  CHECK(test::run(l.io, read_until(*l.server, 200'000, ec)).size() >= 200'000);
  test::run_until(l.io, [&] { return taken > 0; });
  CHECK(taken <= 256 * 1024);
  CHECK(taken >= 200'000);
}

TEMPLATE_TEST_CASE("tls stream: nothing is read or written at once", "[proxy][tls]", TLS_KINDS) {
  tls_link<TestType> l;
  const auto read = [&]() { return l.client->async_read_some(asio::mutable_buffer(), asio::use_awaitable); };
  const auto write = [&]() { return l.client->async_write_some(asio::const_buffer(), asio::use_awaitable); };
  CHECK(test::run(l.io, read()) == 0);
  CHECK(test::run(l.io, write()) == 0);
}

TEMPLATE_TEST_CASE("tls stream: each direction ends by itself", "[proxy][tls]", TLS_KINDS) {
  tls_link<TestType> l;
  const auto end = [](auto& s) { return s.async_shutdown(asio::use_awaitable); };
  test::run(l.io, end(*l.client));
  CHECK(fate_of_read(l.io, *l.server) == asio::error::eof);
  CHECK(fate_of_read(l.io, *l.server) == asio::error::eof);
  REQUIRE(test::run(l.io, write_all(*l.server, test::pattern(100))) == std::error_code());
  CHECK(fate_of_read(l.io, *l.client) == std::error_code());
  test::run(l.io, end(*l.server));
  CHECK(fate_of_read(l.io, *l.client) == asio::error::eof);
}

TEMPLATE_TEST_CASE("tls stream: an end without close_notify is a reset, behind what came", "[proxy][tls]",
                   TLS_KINDS) {
  tls_link<TestType> l(1 << 20);
  REQUIRE(test::run(l.io, write_all(*l.client, test::pattern(1000))) == std::error_code());
  std::error_code ignored;
  if constexpr (on_sockets<TestType>)
    l.client->next_layer().shutdown(asio::socket_base::shutdown_send, ignored);
  else
    l.client->next_layer().async_shutdown([](std::error_code) {});
  CHECK(fate_of_read(l.io, *l.server) == std::error_code());
  CHECK(fate_of_read(l.io, *l.server) == asio::error::connection_reset);
}

TEMPLATE_TEST_CASE("tls stream: keys change while text flows, and a blocked writer answers", "[proxy][tls]",
                   TLS_KINDS) {
  tls_link<TestType> l;
  const auto text = test::pattern(3 << 20);
  bool written = false;
  asio::co_spawn(l.io, write_all(*l.server, text),
                 [&](std::exception_ptr, std::error_code) { written = true; });
  l.io.run_for(std::chrono::milliseconds(5));
  CHECK_FALSE(written);
  for (int i = 0; i < 3; ++i) {
    l.client->update_keys(true);
    send_through(l, test::pattern(1000));
  }
  std::error_code ec;
  CHECK((test::run(l.io, read_until(*l.client, text.size(), ec)) == text));
  test::run_until(l.io, [&] { return written; });
}

TEMPLATE_TEST_CASE("tls stream: what is no record ends it, and the peer gets an alert", "[proxy][tls]",
                   TLS_KINDS) {
  for (const bool truncated : {false, true}) {
    tls_link<TestType> l;
    REQUIRE(test::run(l.io, write_all(*l.client, test::pattern(1000))) == std::error_code());
    auto forged =
        test::to_bytes(std::string("\x17\x03\x03", 3) + std::string(1, '\0') + "\x40" + std::string(64, 'x'));
    if (truncated) forged[3] = std::byte{0xff};
    REQUIRE(test::run(l.io, write_all(l.client->next_layer(), forged)) == std::error_code());
    CHECK(fate_of_read(l.io, *l.server) == std::error_code());
    CHECK(fate_of_read(l.io, *l.server).category() == asio::error::get_ssl_category());
    CHECK(test::run(l.io, write_all(*l.server, test::pattern(1))));
    const auto alert = fate_of_read(l.io, *l.client);
    CHECK(alert.category() == asio::error::get_ssl_category());
  }
}
