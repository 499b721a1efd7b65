// WebSocket and HTTPUpgrade from configurations: with and without TLS, with VLESS, Trojan and Mux.Pro inside.
#include "configured.hpp"

namespace {

using namespace configured_test;

struct stack {
  std::string protocol, users, secret, network, more, path = "/chat";
};

/// A SOCKS listener in front of a client and a server.
struct websocket_pair : bench {
  websocket_pair(const stack& s, bool tls, bool mux)
      : far(made(server_of(s, tls))), near(made(client_of(s, tls, mux, port_of(far->listening()[0])))) {
    far->start();
    near->start();
  }
  ~websocket_pair() {
    finish(near);
    finish(far);
  }
  std::string stream(const stack& s, const std::string& tls) const {
    return fmt::format(R"("streamSettings": {{"network": "{}", "{}Settings": {{"path": "{}"{}}}{}}})",
                       s.network, s.network == "websocket" ? "ws" : s.network, s.path, s.more, tls);
  }
  std::string server_of(const stack& s, bool tls) const {
    const std::string security = fmt::format(
        R"(, "security": "tls", "tlsSettings": {{"certificates": [{{"certificateFile": "{}", "keyFile": "{}"}}]}})",
        known.server.certificate_file, known.server.key_file);
    return fmt::format(
        R"({{"inbounds": [{{"tag": "in", "protocol": "{}", "listen": "127.0.0.1", "port": 0{}, {}}}],
             "outbounds": [{{"protocol": "freedom", "settings": {{"allowPrivate": true}}}}]}})",
        s.protocol, s.users, stream(s, tls ? security : ""));
  }
  std::string client_of(const stack& s, bool tls, bool mux, std::uint16_t port) const {
    const std::string security = fmt::format(
        R"(, "security": "tls", "tlsSettings": {{"serverName": "server.example",
           "certificates": [{{"certificateFile": "{}", "usage": "verify"}}]}})",
        known.ca.certificate_file);
    return fmt::format(
        R"({{"inbounds": [{{"protocol": "socks", "listen": "127.0.0.1", "port": 0}}],
             "outbounds": [{{"protocol": "{}", "settings": {{"address": "127.0.0.1", "port": {}{}}}, {}{}}}]}})",
        s.protocol, port, s.secret, stream(s, tls ? security : ""),
        mux ? R"(, "mux": {"enabled": true})" : "");
  }
  std::string ask(std::string word = "hello") {
    return by_tcp(port_of(near->listening()[0]), port(), std::move(word));
  }

  test::certificates known;
  std::unique_ptr<configured_proxy> far, near;
};

const stack vless{"vless", R"(, "settings": {"decryption": "none", "clients": [{"id": "alice"}]})",
                  R"(, "id": "alice", "encryption": "none")", "ws", ""};
const stack trojan{"trojan", R"(, "settings": {"clients": [{"password": "alice"}]})",
                   R"(, "password": "alice")", "ws", ""};
const stack mux_pro{"mux.pro", "", "", "websocket", ""};

stack by_upgrade(stack s) {
  s.network = "httpupgrade";
  return s;
}

}  // namespace

TEST_CASE("configured WebSocket: every stack", "[proxy][websocket]") {
  const std::string much(200'000, 'x');
  for (const stack& s :
       {vless, trojan, mux_pro, by_upgrade(vless), by_upgrade(trojan), by_upgrade(mux_pro)}) {
    for (const bool tls : {false, true}) {
      INFO(s.protocol << " over " << s.network << (tls ? " over TLS" : ""));
      const auto p = std::make_unique<websocket_pair>(s, tls, false);
      CHECK(p->ask() == "hello");
      CHECK(p->ask(much) == much);
    }
  }
  CHECK(std::make_unique<websocket_pair>(vless, true, true)->ask(much) == much);
  CHECK(std::make_unique<websocket_pair>(trojan, false, true)->ask() == "hello");
}

TEST_CASE("configured WebSocket: first data with the request", "[proxy][websocket]") {
  const std::string much(200'000, 'x');
  for (stack s : {vless, trojan, mux_pro}) {
    INFO(s.protocol);
    s.path = "/chat?ed=2048";
    const auto p = std::make_unique<websocket_pair>(s, s.protocol == "vless", false);
    CHECK(p->ask() == "hello");
    CHECK(p->ask(much) == much);
  }
  stack s = vless;
  s.path = "/chat?ed=2048";
  CHECK(std::make_unique<websocket_pair>(s, false, true)->ask(much) == much);
}

TEST_CASE("configured WebSocket: another path or host reaches nothing", "[proxy][websocket]") {
  stack s = vless;
  s.more = R"(, "host": "a.example")";
  const auto p = std::make_unique<websocket_pair>(s, false, false);
  CHECK(p->ask() == "hello");
}

TEST_CASE("configured WebSocket: mistakes", "[proxy][websocket]") {
  const auto mistake = [](const std::string& own) {
    config_mistakes mistakes;
    geo_files none;
    const auto root = parse_json(
        R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 0,
            "streamSettings": {"network": "ws", "wsSettings": )" +
            own + R"(}}], "outbounds": [{"protocol": "freedom"}]})",
        mistakes);
    REQUIRE(root);
    read_config(*root, registry::global(), none, mistakes);
    return mistakes.empty() ? "" : mistakes.all()[0].path.substr(38) + " " + mistakes.all()[0].sentence;
  };
  CHECK(mistake(
            R"({"path": "chat?ed=2048&x=y", "headers": {"Host": "a", "X-Y": "z"}, "heartbeatPeriod": 10})") ==
        "");
  CHECK(mistake(R"({"path": "/?ed=x"})") == "path has an ed that is not a number");
  CHECK(mistake(R"({"headers": {"Upgrade": "x"}})") ==
        "headers has 'Upgrade'; it must be a field that requests do not have");
  CHECK(mistake(R"({"headers": {"X": "a\r\nb: c"}})") ==
        "headers has a value that is not a text of one line");
  CHECK(mistake(R"({"host": "a b"})") == "host is not a host name");
}
