// REALITY from configurations: clients of its own get through, all others see the target.
#include "configured.hpp"
#include "tls_meeting.hpp"

#include "proxy/reality/keys.hpp"
#include "proxy/transport/tls.hpp"

#include <muxpro/proxy/transport_dialer.hpp>

#include <asio/read_until.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <vector>

namespace {

using namespace configured_test;

const key_bytes private_key = [] {
  key_bytes k{};
  k[3] = std::byte{64};
  return k;
}();

/// A server of VLESS over REALITY in front of a target on this machine. `of_server` are further keys of
/// realitySettings, `of_stream` of streamSettings.
std::string reality_server_before(std::uint16_t target, const std::string& flow, const std::string& of_server,
                                  const std::string& of_stream = "") {
  return R"({"inbounds": [{"protocol": "vless", "listen": "127.0.0.1", "port": 0, "settings":
            {"decryption": "none", "clients": [{"id": "alice", "flow": ")" +
         flow +
         R"("}]}, "streamSettings": {"security": "reality", "realitySettings": {"target": "127.0.0.1:)" +
         std::to_string(target) +
         R"(", "serverNames": ["server.example"], "shortIds": ["0a1b"], "privateKey": ")" +
         to_text(private_key) + "\"" + of_server + "}" + of_stream +
         R"(}}], "outbounds": [{"protocol": "freedom", "settings": {"allowPrivate": true}}]})";
}

/// A site with a certificate for server.example, a server of VLESS over REALITY in front of it, and a client.
struct reality_chain : bench {
  explicit reality_chain(const std::string& of_client = R"("shortId": "0a1b")", const std::string& flow = "",
                         const std::string& of_server = "")
      : site(made(R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 0, "streamSettings":
            {"security": "tls", "tlsSettings": {"alpn": ["http/1.1"], "certificates": [{"certificateFile": ")" +
                  tls_test::known().server.certificate_file + R"(", "keyFile": ")" +
                  tls_test::known().server.key_file + R"("}]}}}], "outbounds": [{"protocol": "freedom",
            "settings": {"allowPrivate": true}}]})")),
        far(made(reality_server_before(port_of(site->listening()[0]), flow, of_server))),
        near(made(R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 0}],
            "outbounds": [{"protocol": "vless", "settings": {"address": "127.0.0.1", "port": )" +
                  std::to_string(reality_port()) + R"(, "id": "alice", "encryption": "none", "flow": ")" +
                  flow +
                  R"("}, "streamSettings": {"security": "reality", "realitySettings": {"serverName":
            "server.example", "publicKey": ")" +
                  to_text(x25519_key(private_key).public_key()) + "\", " + of_client + "}}}]}")) {
    site->start();
    far->start();
    near->start();
  }
  ~reality_chain() {
    finish(near);
    finish(far);
    finish(site);
  }
  std::uint16_t reality_port() const { return port_of(far->listening()[0]); }
  std::string ask(std::string word = "hello") {
    return by_tcp(port_of(near->listening()[0]), port(), std::move(word));
  }
  /// What a SOCKS client gets that trusts the site's certificate.
  std::string ask_site() {
    tls_options o = tls_test::of_client();
    o.alpn = {"http/1.1"};
    return test::run(io, greet(reality_port(), std::make_shared<const tls_transport>(role::client, o)));
  }
  static asio::awaitable<std::string> greet(std::uint16_t port, std::shared_ptr<const transport> over) {
    const auto at = stream_address::parse("127.0.0.1:" + std::to_string(port));
    transport_dialer dialer(*at, transport_options(over));
    std::error_code ec;
    const auto c = co_await dialer.dial(ec);
    if (ec) co_return ec.message();
    co_await c->write(asio::buffer("\x05\x01\x00", 3), ec);
    std::string answer(2, ' ');
    std::size_t n = 0;
    while (n < answer.size() && !ec) n += co_await c->read_some(asio::buffer(answer) + n, ec);
    co_return ec ? ec.message() : answer;
  }

  std::unique_ptr<configured_proxy> site, far, near;
};

const std::string socks_answer("\x05\x00", 2);

}  // namespace

TEST_CASE("configured REALITY: a client of its own, and others", "[proxy][reality]") {
  reality_chain c;
  CHECK(c.ask() == "hello");
  CHECK(c.ask_site() == socks_answer);
  CHECK(c.ask(std::string(200'000, 'x')) == std::string(200'000, 'x'));
}

TEST_CASE("configured REALITY: the flow xtls-rprx-vision", "[proxy][reality]") {
  reality_chain c(R"("shortId": "0a1b")", "xtls-rprx-vision");
  CHECK(c.ask() == "hello");
  CHECK(c.ask(std::string(200'000, 'x')) == std::string(200'000, 'x'));
}

TEST_CASE("configured REALITY: a wrong short id gets the site", "[proxy][reality]") {
  reality_chain c(R"("shortId": "0a1c")");
  CHECK(c.ask().substr(0, 7) == "refused");
  CHECK(c.ask_site() == socks_answer);
}

TEST_CASE("configured REALITY: a client that is too old for the server", "[proxy][reality]") {
  reality_chain c(R"("shortId": "0a1b")", "", R"(, "minClientVer": "200.1.1")");
  CHECK(c.ask().substr(0, 7) == "refused");
}

TEST_CASE("configured REALITY: bytes that are no ClientHello go to the site", "[proxy][reality]") {
  reality_chain c;
  const tcp::endpoint at(make_address("127.0.0.1"), c.reality_port());
  // The site's TLS answers with an alert.
  const std::string heard = test::run(c.io, say(tcp::socket(c.io), at, "GET / HTTP/1.1\r\n\r\n"));
  CHECK((heard.empty() || heard[0] == '\x15'));
  // A client that has sent a part of a ClientHello and ends.
  const std::string part = test::run(c.io, say(tcp::socket(c.io), at, "\x16\x03\x01\x02\x00\x01"s));
  CHECK(part.size() < 20);
}

namespace {

/// The first lines of the next two connections. The server measures the target's tickets by one of them.
asio::awaitable<std::vector<std::string>> two_first_lines(tcp::acceptor& target) {
  std::vector<std::string> lines;
  while (lines.size() < 2) {
    tcp::socket s = co_await target.async_accept(asio::use_awaitable);
    std::string line;
    const auto [error, n] = co_await asio::async_read_until(s, asio::dynamic_buffer(line), "\r\n", as_result);
    lines.push_back(line.substr(0, error ? 0 : n));
  }
  co_return lines;
}

asio::awaitable<void> send_all(tcp::socket& s, tcp::endpoint to, std::string text) {
  co_await s.async_connect(to, asio::use_awaitable);
  co_await asio::async_write(s, asio::buffer(text), as_result);
}

/// What the target gets first from a server with xver that accepts PROXY headers, when a connection begins
/// with `header`.
std::vector<std::string> lines_with_xver(const std::string& header) {
  bench b;
  tcp::acceptor target(b.io, {make_address("127.0.0.1"), 0});
  auto server = made(reality_server_before(target.local_endpoint().port(), "", R"(, "xver": 1)",
                                           R"(, "sockopt": {"acceptProxyProtocol": true})"));
  server->start();
  tcp::socket client(b.io);
  const tcp::endpoint at(make_address("127.0.0.1"), port_of(server->listening()[0]));
  asio::co_spawn(b.io, send_all(client, at, header), asio::detached);
  const std::vector<std::string> lines = test::run(b.io, two_first_lines(target));
  client.close();
  finish(server);
  return lines;
}

}  // namespace

TEST_CASE("configured REALITY: xver passes on the client of an accepted PROXY header",
          "[proxy][reality][proxy_header]") {
  const std::string header = "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n";
  const auto lines = lines_with_xver(header);
  CHECK(std::count(lines.begin(), lines.end(), header) == 1);
  CHECK(std::count(lines.begin(), lines.end(), "PROXY UNKNOWN\r\n") == 1);
}

TEST_CASE("configured REALITY: xver has the socket's addresses if the accepted PROXY header has no addresses",
          "[proxy][reality][proxy_header]") {
  const auto lines = lines_with_xver("PROXY UNKNOWN\r\n");
  CHECK(std::any_of(lines.begin(), lines.end(),
                    [](const auto& line) { return line.starts_with("PROXY TCP4 127.0.0.1 127.0.0.1 "); }));
}

namespace {

/// What a stranger has brought to the target, and the target to the stranger.
struct passed {
  std::size_t up = 0, down = 0;
};

asio::awaitable<void> count(tcp::socket& s, std::size_t& bytes) {
  std::array<char, 16384> room;
  for (;;) {
    const auto [error, n] = co_await s.async_read_some(asio::buffer(room), as_result);
    bytes += n;
    if (error) co_return;
  }
}

asio::awaitable<void> pour(tcp::socket& s, std::size_t size, char what) {
  const std::string all(size, what);
  co_await asio::async_write(s, asio::buffer(all), as_result);
}

/// Sends `size` bytes to a stranger, whose bytes it counts, and nothing to the server's own connection, which
/// begins with a record of TLS.
asio::awaitable<void> serve_stranger(tcp::acceptor& target, std::size_t size,
                                     std::optional<tcp::socket>& kept, passed& out) {
  for (;;) {
    tcp::socket s = co_await target.async_accept(asio::use_awaitable);
    char first = 0;
    co_await asio::async_read(s, asio::buffer(&first, 1), as_result);
    if (first == '\x16') continue;
    kept.emplace(std::move(s));
    out.up = 1;
    asio::co_spawn(target.get_executor(), count(*kept, out.up), asio::detached);
    co_return co_await pour(*kept, size, 'd');
  }
}

/// It cuts what is still open at its end: bytes that wait for their turn would hold it up.
std::unique_ptr<configured_proxy> hasty(const std::string& text) {
  config c = config_of(text);
  c.drain_timeout = std::chrono::milliseconds(10);
  geo_files none;
  return std::make_unique<configured_proxy>(c, none, 2, [](log_level, std::string_view) {});
}

/// What passes both ways, of `size` bytes each, until `enough` holds and a while longer.
passed passed_by_stranger(const std::string& of_server, std::size_t size,
                          const std::function<bool(const passed&)>& enough) {
  bench b;
  tcp::acceptor target(b.io, {make_address("127.0.0.1"), 0});
  auto server = hasty(reality_server_before(target.local_endpoint().port(), "", of_server));
  server->start();
  std::optional<tcp::socket> kept;
  passed out;
  asio::co_spawn(b.io, serve_stranger(target, size, kept, out), asio::detached);
  tcp::socket stranger(b.io);
  stranger.connect({make_address("127.0.0.1"), port_of(server->listening()[0])});
  asio::co_spawn(b.io, pour(stranger, size, 'u'), asio::detached);
  asio::co_spawn(b.io, count(stranger, out.down), asio::detached);
  test::run_until(b.io, [&] { return enough(out); });
  b.io.restart();
  b.io.run_for(std::chrono::milliseconds(200));
  stranger.close();
  if (kept) kept->close();
  finish(server);
  return out;
}

std::string limited(const std::string& key, int after, int rate, int burst) {
  return fmt::format(R"(, "{}": {{"afterBytes": {}, "bytesPerSec": {}, "burstBytesPerSec": {}}})", key, after,
                     rate, burst);
}

constexpr std::size_t million = 1'000'000, most = 300'000;
/// What goes to the target before it is known that the client is a stranger, and one read of a relay.
constexpr std::size_t early = 8192, one_read = 256 * 1024;

}  // namespace

TEST_CASE("configured REALITY: strangers send and receive no more than afterBytes and a burst at once",
          "[proxy][reality]") {
  // The rest comes at a byte in a second.
  const passed up =
      passed_by_stranger(limited("limitFallbackUpload", 200'000, 1, 100'000), million,
                         [](const passed& p) { return p.down == million && p.up + one_read > most; });
  CHECK(up.up <= most + early);
  const passed down =
      passed_by_stranger(limited("limitFallbackDownload", 200'000, 1, 100'000), million,
                         [](const passed& p) { return p.up == million && p.down + one_read > most; });
  CHECK(down.down <= most + early);
}

TEST_CASE("configured REALITY: strangers go on at the rate", "[proxy][reality]") {
  constexpr std::size_t size = 1'600'000;
  const auto begun = std::chrono::steady_clock::now();
  passed_by_stranger(limited("limitFallbackUpload", 200'000, 1'000'000, 0), size,
                     [](const passed& p) { return p.up == size && p.down == size; });
  const auto took = std::chrono::steady_clock::now() - begun - std::chrono::milliseconds(200);
  CHECK(took > std::chrono::milliseconds(350));  // 400,000 bytes beyond afterBytes and the first second's
}

TEST_CASE("configured REALITY: its own clients are not limited", "[proxy][reality]") {
  reality_chain c(R"("shortId": "0a1b")", "",
                  limited("limitFallbackUpload", 0, 1, 0) + limited("limitFallbackDownload", 0, 1, 0));
  CHECK(c.ask(std::string(200'000, 'x')) == std::string(200'000, 'x'));
}
