// Shadowsocks in a configuration: users, keys, and the mistakes.
#include "catch.hpp"
#include "config_text.hpp"

#include "proxy/inbound/shadowsocks.hpp"

#include <fmt/format.h>

#include <string>

namespace shadowsocks_config {

using namespace muxpro::proxy;
using test::read_text;

const std::string key16 = "AAECAwQFBgcICQoLDA0ODw==", other16 = "EBESExQVFhcYGRobHB0eHw==";

std::string inbound(const std::string& own) {
  return fmt::format(R"({{"inbounds": [{{"protocol": "shadowsocks", "port": 1, "settings": {{{}}}}}],
                          "outbounds": [{{"protocol": "freedom"}}]}})",
                     own);
}
std::string outbound(const std::string& own) {
  return fmt::format(R"({{"inbounds": [{{"protocol": "socks", "listen": "127.0.0.1", "port": 1}}],
                          "outbounds": [{{"protocol": "shadowsocks", "settings": {{{}}}}}]}})",
                     own);
}
std::string place_and(const std::string& more) { return R"("address": "192.0.2.1", "port": 1, )" + more; }

const shadowsocks_server& server_of(const read_text& r) {
  return *test::options_of<shadowsocks_inbound_options>(r.c.inbounds.at(0)).server;
}

TEST_CASE("config: a Shadowsocks server with one user", "[proxy][config][shadowsocks]") {
  const read_text r(
      inbound(R"("method": "AES-256-GCM", "password": "x", "email": "alice", "network": "tcp,udp")"));
  REQUIRE(r.all().empty());
  CHECK(server_of(r).method.name == "aes-256-gcm");
  CHECK(server_of(r).identities.empty());
  CHECK(server_of(r).users.tried()->at(0).user.name == "alice");
  CHECK(r.c.inbounds[0].plan.tcp);
  CHECK(r.c.inbounds[0].plan.udp);
  CHECK(r.c.inbounds[0].plan.authenticates);
  const read_text tcp(inbound(R"("method": "2022-blake3-aes-128-gcm", "password": ")" + key16 + "\""));
  REQUIRE(tcp.all().empty());
  CHECK_FALSE(tcp.c.inbounds[0].plan.udp);
}

TEST_CASE("config: a Shadowsocks server with several users", "[proxy][config][shadowsocks]") {
  const read_text aead(inbound(R"("clients": [{"method": "aes-128-gcm", "password": "a", "email": "alice"},
                                              {"method": "aead_aes_128_gcm", "password": "b"}])"));
  REQUIRE(aead.all().empty());
  CHECK(server_of(aead).users.tried()->at(0).user.name == "alice");
  CHECK(server_of(aead).users.tried()->at(1).user.name == "user 2");
  CHECK(server_of(aead).identities.empty());
  const read_text of_2022(inbound(fmt::format(
      R"("method": "2022-blake3-aes-128-gcm", "password": "{}", "users": [{{"password": "{}", "email": "alice"}}])",
      key16, other16)));
  REQUIRE(of_2022.all().empty());
  CHECK(server_of(of_2022).users.size() == 1);
  CHECK(server_of(of_2022).identities.size() == 16);
}

TEST_CASE("config: mistakes of Shadowsocks servers", "[proxy][config][shadowsocks]") {
  const auto of = [](const std::string& own) { return read_text(inbound(own)).all(); };
  CHECK(of(R"("method": "none", "password": "x")").find("is 'none', which encrypts nothing; it must be") !=
        std::string::npos);
  CHECK(of(R"("method": "rc4-md5", "password": "x")").find("is 'rc4-md5'; it must be") != std::string::npos);
  CHECK(of(R"("password": "x")").find("settings.method: is missing") != std::string::npos);
  CHECK(of(R"("method": "aes-128-gcm")").find("settings.password: is missing") != std::string::npos);
  CHECK(of(R"("method": "2022-blake3-aes-256-gcm", "password": ")" + key16 + "\"") ==
        "inbounds[0].settings.password: must be 32 bytes as base64, which `openssl rand -base64 32` makes\n");
  CHECK(of(R"("method": "2022-blake3-aes-128-gcm", "password": ")" + key16 + ":" + other16 + "\"") ==
        "inbounds[0].settings.password: has several keys with ':' between them; there must be one\n");
  CHECK(
      of(R"("clients": [{"method": "aes-128-gcm", "password": "a"}, {"method": "aes-256-gcm", "password": "b"}])") ==
      "inbounds[0].settings.clients[1].method: is 'aes-256-gcm'; others have aes-128-gcm, and all have the "
      "same\n");
  CHECK(of(R"("clients": [{"method": "aes-128-gcm", "password": "a"}, {"password": "a"}])") ==
        "inbounds[0].settings.clients[1].password: is that of another user\n");
}

TEST_CASE("config: Shadowsocks outbounds", "[proxy][config][shadowsocks]") {
  const auto of = [](const std::string& own) { return read_text(outbound(own)).all(); };
  CHECK(of(place_and(R"("method": "xchacha20-poly1305", "password": "x y z")")).empty());
  CHECK(
      of(R"("servers": [{"address": "next.example", "port": 8388, "method": "aes-256-gcm", "password": "x"}])")
          .empty());
  CHECK(of(place_and(
               fmt::format(R"("method": "2022-blake3-aes-128-gcm", "password": "{}:{}")", key16, other16)))
            .empty());
  CHECK(of(place_and(R"("method": "aes-128-gcm", "password": "")")) ==
        "outbounds[0].settings.password: must not be empty\n");
}

}  // namespace shadowsocks_config
