// Every carrier over every security that it may have, with Mux.Pro and Mux.Cool inside, from configurations.
#include "chains.hpp"

#include "proxy/reality/keys.hpp"

#include <vector>

namespace {

using namespace chain_test;

struct stack {
  std::string carrier, security;
};

std::vector<stack> allowed_stacks() {
  std::vector<stack> out;
  for (const char* carrier : {"raw", "ws", "httpupgrade", "grpc", "xhttp"}) {
    for (const char* security : {"none", "tls", "reality"}) out.push_back({carrier, security});
  }
  std::erase_if(out, [](const stack& s) {
    return s.security == "reality" && (s.carrier == "ws" || s.carrier == "httpupgrade");
  });
  return out;
}

const key_bytes private_key = [] {
  key_bytes k{};
  k[3] = std::byte{64};
  return k;
}();

std::string mux(const std::string& protocol) {
  return R"(, "mux": {"enabled": true, "concurrency": 8, "protocol": ")" + protocol + "\"}";
}
const hop mux_pro_hop{"mux.pro", "{}", ""};

/// An echo that ends behind a line: a client that ends first keeps a sub-stream of Mux.Cool for 5 s.
asio::awaitable<void> echo_line(tcp::socket s) {
  std::string room(20'000, ' ');
  for (bool ended = false; !ended;) {
    const auto [error, n] = co_await s.async_read_some(asio::buffer(room), as_result);
    if (error) co_return;
    co_await asio::async_write(s, asio::buffer(room.data(), n), as_result);
    ended = room[n - 1] == '\n';
  }
}

/// Certificates, a target, and the site that REALITY imitates.
struct stack_bench : bench {
  stack_bench() {
    asio::co_spawn(io, serve_lines(), asio::detached);
    site = server_of(socks_hop, log, stream(tls_of_server(known)));
  }
  ~stack_bench() { finish(site); }

  std::string keys_of_server(const stack& s) const {
    const std::string network = fmt::format(R"(, "network": "{}")", s.carrier);
    if (s.security == "tls") return network + tls_of_server(known);
    if (s.security == "none") return network;
    return network + fmt::format(R"(, "security": "reality", "realitySettings": {{"target": "127.0.0.1:{}",
        "serverNames": ["server.example"], "shortIds": ["0a1b"], "privateKey": "{}"}})",
                                 port_of(site->listening()[0]), to_text(private_key));
  }
  std::string keys_of_client(const stack& s) const {
    const std::string network = fmt::format(R"(, "network": "{}")", s.carrier);
    if (s.security == "tls") return network + tls_of_client(known);
    if (s.security == "none") return network;
    return network + fmt::format(R"(, "security": "reality", "realitySettings": {{"shortId": "0a1b",
        "serverName": "server.example", "publicKey": "{}"}})",
                                 to_text(x25519_key(private_key).public_key()));
  }

  asio::awaitable<void> serve_lines() {
    for (;;) {
      auto [error, s] = co_await for_lines.async_accept(as_result);
      if (error) co_return;
      ++reached;
      asio::co_spawn(io, echo_line(std::move(s)), asio::detached);
    }
  }
  /// What clients of a SOCKS listener get that ask at the same time.
  std::vector<std::string> ask_at_once(std::uint16_t proxy, const std::vector<std::string>& words) {
    std::vector<std::string> answers(words.size());
    std::size_t done = 0;
    const tcp::endpoint proxy_at(make_address("127.0.0.1"), proxy);
    for (std::size_t i = 0; i < words.size(); ++i)
      asio::co_spawn(io, ask(tcp::socket(io), proxy_at, for_lines.local_endpoint().port(), words[i]),
                     [&, i](std::exception_ptr failed, std::string answer) {
                       answers[i] = failed ? "failed" : std::move(answer);
                       ++done;
                     });
    test::run_until(io, [&] { return done == words.size(); });
    return answers;
  }

  test::certificates known;
  tcp::acceptor for_lines{io, {make_address("127.0.0.1"), 0}};
  std::size_t reached = 0;  ///< connections to the target
  lines log;
  std::unique_ptr<configured_proxy> site;
};

/// Some small connections and some large ones come back whole.
void check_echoes(stack_bench& b, const stack& s, const hop& inside, const std::string& with_mux) {
  INFO(s.carrier << " over " << s.security << ", " << inside.protocol << with_mux);
  auto far = server_of(inside, b.log, stream(b.keys_of_server(s)));
  auto near = client_of(
      outbound_to(inside, "a", port_of(far->listening()[0]), stream(b.keys_of_client(s)) + with_mux));
  const std::vector<std::string> words{"\n", std::string(199'999, 'x') + "\n", "\n",
                                       std::string(199'999, 'y') + "\n"};
  const std::uint16_t proxy = port_of(near->listening()[0]);
  CHECK((b.ask_at_once(proxy, words) == words));
  CHECK((b.ask_at_once(proxy, words) == words));
  finish(near);
  finish(far);
}

/// A client whose configuration would be refused: it sends streams of Mux.Cool over XHTTP.
std::unique_ptr<configured_proxy> mux_cool_client(const std::string& outbound) {
  config c = config_of(R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 0}],
                           "outbounds": [)" +
                       outbound + "]}");
  c.outbounds[0].mux->pool.session.speaks = dialect::mux_cool;
  geo_files none;
  auto p = std::make_unique<configured_proxy>(c, none, 2, [](log_level, std::string_view) {});
  p->start();
  return p;
}

}  // namespace

TEST_CASE("configured stacks: Mux.Pro inside", "[proxy][stacks]") {
  stack_bench b;
  for (const stack& s : allowed_stacks()) {
    check_echoes(b, s, mux_pro_hop, "");
    check_echoes(b, s, vless_hop, mux("mux.pro"));
  }
}

TEST_CASE("configured stacks: Mux.Cool inside", "[proxy][stacks]") {
  stack_bench b;
  for (const stack& s : allowed_stacks()) {
    if (s.carrier != "xhttp") check_echoes(b, s, vless_hop, mux("mux.cool"));
  }
}

TEST_CASE("configured stacks: a server of XHTTP refuses streams of Mux.Cool", "[proxy][stacks]") {
  stack_bench b;
  for (const stack& s : allowed_stacks()) {
    if (s.carrier != "xhttp") continue;
    INFO(s.security);
    lines at_far;
    auto far = server_of(vless_hop, at_far, stream(b.keys_of_server(s)));
    auto near = mux_cool_client(outbound_to(vless_hop, "a", port_of(far->listening()[0]),
                                            stream(b.keys_of_client(s)) + mux("mux.pro")));
    for (const std::string& answer : b.ask_at_once(port_of(near->listening()[0]), {"\n", "\n"}))
      CHECK(answer != "\n");
    finish(near);
    finish(far);
  }
  CHECK(b.reached == 0);
}

TEST_CASE("configured stacks: downloads of XHTTP from addresses of one family", "[proxy][stacks]") {
  bench b;
  lines log;
  auto far = server_of(vless_hop, log, stream(R"(, "network": "xhttp")"));
  const std::uint16_t place = port_of(far->listening()[0]);
  const auto ask_by = [&](const std::string& family) {
    const std::string keys =
        fmt::format(R"(, "network": "xhttp", "xhttpSettings": {{"downloadSettings": {{"network": "xhttp",
          "address": "localhost", "port": {}, "sockopt": {{"domainStrategy": "{}"}}}}}})",
                    place, family);
    auto near = client_of(outbound_to(vless_hop, "a", place, stream(keys)));
    const std::string answer = b.by_tcp(port_of(near->listening()[0]), b.port());
    finish(near);
    return answer;
  };
  CHECK(ask_by("ForceIPv4") == "hello");
  // The server listens on an address of IPv4.
  CHECK(ask_by("ForceIPv6") != "hello");
  finish(far);
}
