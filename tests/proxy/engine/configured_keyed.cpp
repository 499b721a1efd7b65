// VLESS, Trojan and VMess from configurations: a client and a server, plain, over TLS, with main connections,
// and new users.
#include "configured.hpp"

#include "proxy/transport/tls.hpp"

namespace {

using namespace configured_test;

const std::string vless_users =
    R"({"decryption": "none", "clients": [{"id": "alice", "email": "alice@example"}]})";
const std::string vmess_users = R"({"clients": [{"id": "alice", "email": "alice@example"}]})";
const std::string trojan_users = R"({"clients": [{"password": "alice", "email": "alice@example"}]})";

std::string server(const std::string& protocol, const std::string& users, const std::string& more = "") {
  return R"({"inbounds": [{"tag": "in", "protocol": ")" + protocol +
         R"(", "listen": "127.0.0.1", "port": 0, "settings": )" + users + more +
         R"(}], "outbounds": [{"protocol": "freedom", "settings": {"allowPrivate": true}}]})";
}
std::string client(const std::string& protocol, const std::string& secret, std::uint16_t port,
                   const std::string& more = "") {
  return R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 0}],
             "outbounds": [{"protocol": ")" +
         protocol + R"(", "settings": {"address": "127.0.0.1", "port": )" + std::to_string(port) + ", " +
         secret + "}" + more + "}]}";
}

struct pair : bench {
  pair(const std::string& protocol, const std::string& users, const std::string& secret,
       const std::string& of_server = "", const std::string& of_client = "")
      : far(made(server(protocol, users, of_server))),
        near(made(client(protocol, secret, port_of(far->listening()[0]), of_client))) {
    far->start();
    near->start();
  }
  ~pair() {
    finish(near);
    finish(far);
  }
  std::string ask(std::string word = "hello") {
    return by_tcp(port_of(near->listening()[0]), port(), std::move(word));
  }

  std::unique_ptr<configured_proxy> far, near;
};

const std::string vless_secret = R"("id": "alice", "encryption": "none")", vmess_secret = R"("id": "alice")",
                  trojan_secret = R"("password": "alice")";

}  // namespace

TEST_CASE("configured VLESS and Trojan: a client and a server", "[proxy][keyed]") {
  CHECK(pair("vless", vless_users, vless_secret).ask() == "hello");
  CHECK(pair("trojan", trojan_users, trojan_secret).ask(std::string(200'000, 'x')) ==
        std::string(200'000, 'x'));
  CHECK(pair("vmess", vmess_users, vmess_secret).ask(std::string(200'000, 'x')) == std::string(200'000, 'x'));
}

TEST_CASE("configured VLESS and Trojan: main connections inside", "[proxy][keyed]") {
  for (const char* multiplexer : {"mux.cool", "mux.pro"}) {
    const std::string mux = fmt::format(R"(, "mux": {{"enabled": true, "protocol": "{}"}})", multiplexer);
    CHECK(pair("vless", vless_users, vless_secret, "", mux).ask() == "hello");
    CHECK(pair("vmess", vmess_users, vmess_secret, "", mux).ask() == "hello");
    CHECK(pair("trojan", trojan_users, trojan_secret, "", mux).ask(std::string(200'000, 'x')) ==
          std::string(200'000, 'x'));
  }
}

TEST_CASE("configured VMess: users change, connections stay", "[proxy][keyed]") {
  pair p("vmess", vmess_users, vmess_secret);
  REQUIRE(p.ask() == "hello");
  geo_files none;
  CHECK(p.far->reload(config_of(server("vmess", R"({"users": [{"id": "bob"}]})")), none).empty());
  CHECK(p.ask(std::string(5000, 'x')) != std::string(5000, 'x'));
  CHECK(p.far->reload(config_of(server("vmess", vmess_users)), none).empty());
  CHECK(p.ask() == "hello");
}

TEST_CASE("configured VLESS: users change, connections stay", "[proxy][keyed]") {
  pair p("vless", vless_users, vless_secret);
  REQUIRE(p.ask() == "hello");
  const std::string other = R"({"decryption": "none", "users": [{"id": "bob"}]})";
  geo_files none;
  CHECK(p.far->reload(config_of(server("vless", other)), none).empty());
  CHECK(p.ask() == "End of file");
  CHECK(p.far->reload(config_of(server("vless", vless_users)), none).empty());
  CHECK(p.ask() == "hello");
}

namespace {

/// A server that answers each client with one letter.
asio::awaitable<void> answer_with(tcp::acceptor& at, std::string letter) {
  for (;;) {
    auto [closed, s] = co_await at.async_accept(as_result);
    if (closed) co_return;
    co_await asio::async_write(s, asio::buffer(letter), as_result);
  }
}

/// Trojan over TLS. Strangers go to `a` by the name a.example, to `h2` by that protocol, else to `other`.
struct guarded_by_tls : bench {
  guarded_by_tls() {
    asio::co_spawn(io, answer_with(a, "a"), asio::detached);
    asio::co_spawn(io, answer_with(h2, "h"), asio::detached);
    asio::co_spawn(io, answer_with(other, "o"), asio::detached);
    guard->start();
  }
  ~guarded_by_tls() { finish(guard); }
  static std::string dest(const tcp::acceptor& to) {
    return fmt::format(R"("dest": {})", to.local_endpoint().port());
  }
  std::string configuration() const {
    const std::string fallbacks =
        fmt::format(R"("fallbacks": [{{"name": "a.example", {}}}, {{"alpn": "h2", {}}}, {{{}}}])", dest(a),
                    dest(h2), dest(other));
    const std::string tls = fmt::format(
        R"(, "streamSettings": {{"security": "tls", "tlsSettings": {{"alpn": ["h2", "http/1.1"],
           "certificates": [{{"certificateFile": "{}", "keyFile": "{}"}}]}}}})",
        known.server.certificate_file, known.server.key_file);
    return server("trojan", R"({"clients": [{"password": "alice"}], )" + fallbacks + "}", tls);
  }
  asio::awaitable<std::string> visit(tls_options client) {
    tls_transport by(role::client, std::move(client));
    tcp::socket s(io);
    co_await s.async_connect({make_address("127.0.0.1"), port_of(guard->listening()[0])},
                             asio::use_awaitable);
    std::error_code ec;
    const auto c = co_await by.open(make_connection(stream_socket(std::move(s))), ec);
    if (ec) co_return ec.message();
    co_await c->write(asio::buffer("GET / HTTP/1.1\r\n\r\n", 18), ec);
    std::string answer(1, ' ');
    if (!ec) co_await c->read_some(asio::buffer(answer), ec);
    co_return ec ? ec.message() : answer;
  }
  std::string visit_as(const std::string& name, const std::string& alpn) {
    tls_options o;
    o.verify = false;
    o.name = name;
    o.alpn = {alpn};
    return test::run(io, visit(o));
  }

  test::certificates known;
  tcp::acceptor a{io, {make_address("127.0.0.1"), 0}}, h2{io, {make_address("127.0.0.1"), 0}},
      other{io, {make_address("127.0.0.1"), 0}};
  std::unique_ptr<configured_proxy> guard = made(configuration());
};

}  // namespace

TEST_CASE("configured Trojan: strangers go by the name and the protocol of TLS",
          "[proxy][keyed][fallbacks]") {
  guarded_by_tls g;
  CHECK(g.visit_as("a.example", "http/1.1") == "a");
  CHECK(g.visit_as("b.example", "h2") == "h");
  CHECK(g.visit_as("b.example", "http/1.1") == "o");
}
