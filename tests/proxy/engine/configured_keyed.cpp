// VLESS and Trojan from configurations: a client and a server, plain, over TLS, with main connections, and
// new users.
#include "configured.hpp"

namespace {

using namespace configured_test;

const std::string vless_users =
    R"({"decryption": "none", "clients": [{"id": "alice", "email": "alice@example"}]})";
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
    finish(*near);
    finish(*far);
  }
  std::string ask(std::string word = "hello") {
    return by_tcp(port_of(near->listening()[0]), port(), std::move(word));
  }

  const std::unique_ptr<configured_proxy> far, near;
};

const std::string vless_secret = R"("id": "alice", "encryption": "none")",
                  trojan_secret = R"("password": "alice")";

}  // namespace

TEST_CASE("configured VLESS and Trojan: a client and a server", "[proxy][keyed]") {
  CHECK(pair("vless", vless_users, vless_secret).ask() == "hello");
  CHECK(pair("trojan", trojan_users, trojan_secret).ask(std::string(200'000, 'x')) ==
        std::string(200'000, 'x'));
}

TEST_CASE("configured VLESS and Trojan: main connections inside", "[proxy][keyed]") {
  const std::string mux = R"(, "mux": {"enabled": true})";
  CHECK(pair("vless", vless_users, vless_secret, "", mux).ask() == "hello");
  CHECK(pair("trojan", trojan_users, trojan_secret, "", mux).ask() == "hello");
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
