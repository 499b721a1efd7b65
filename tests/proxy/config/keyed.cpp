// VLESS and Trojan in a configuration: both spellings, and the mistakes.
#include "catch.hpp"
#include "config_text.hpp"

#include "proxy/inbound/keyed.hpp"
#include "proxy/trojan/request.hpp"
#include "proxy/vless/request.hpp"

#include <fmt/format.h>

#include <string>

namespace keyed_config {

using namespace muxpro::proxy;
using test::read_text;

const std::string id = "66ad4540-b58c-4ad2-9926-ea63445a9b57";

std::string inbound(const std::string& protocol, const std::string& own) {
  return fmt::format(
      R"({{"inbounds": [{{"protocol": "{}", "listen": "0.0.0.0", "port": 1, "settings": {{{}}}}}],
                          "outbounds": [{{"protocol": "freedom"}}],
                          "policy": {{"levels": {{"0": {{"connIdle": 10}}, "3": {{"connIdle": 33}}}}}}}})",
      protocol, own);
}
std::string outbound(const std::string& protocol, const std::string& own, const std::string& more = "") {
  return fmt::format(R"({{"inbounds": [{{"protocol": "socks", "listen": "127.0.0.1", "port": 1}}],
                          "outbounds": [{{"protocol": "{}", "settings": {{{}}}{}}}]}})",
                     protocol, own, more);
}
const std::string none = R"("decryption": "none")";
const std::string with_tls = R"(, "streamSettings": {"security": "tls"})";

const keyed_inbound_options& options(const read_text& r) {
  return test::options_of<keyed_inbound_options>(r.c.inbounds.at(0));
}

TEST_CASE("config: the users of VLESS", "[proxy][config][keyed]") {
  for (const char* key : {"clients", "users"}) {
    const read_text r(inbound("vless", none + fmt::format(R"(, "{}": [
        {{"id": "{}", "email": "Alice@example", "level": 3, "flow": ""}}, {{"id": "example"}}])",
                                                          key, id)));
    REQUIRE(r.all().empty());
    const accounts& users = *r.c.inbounds[0].plan.users;
    const auto alice = users.check_key(vless_key(*parse_uuid(id)));
    REQUIRE(alice);
    CHECK(alice->name == "Alice@example");
    CHECK(alice->level == 3);
    CHECK(alice->relay->idle == std::chrono::seconds(33));
    const auto second = users.check_key(vless_key(*parse_uuid("example")));
    REQUIRE(second);
    CHECK(second->name == "feb54431");
    CHECK(second->relay->idle == std::chrono::seconds(10));
    CHECK(r.c.inbounds[0].plan.authenticates);
    CHECK(options(r).main_connections);
    CHECK_FALSE(options(r).fallbacks);
  }
}

TEST_CASE("config: the users of Trojan", "[proxy][config][keyed]") {
  const read_text r(inbound("trojan", R"("clients": [{"password": "a", "email": "alice"}, {"password": "b"}],
                                         "mainConnections": false)"));
  REQUIRE(r.all().empty());
  const accounts& users = *r.c.inbounds[0].plan.users;
  CHECK(users.check_key(trojan_key("a"))->name == "alice");
  CHECK(users.check_key(trojan_key("b"))->name == "user 2");
  CHECK_FALSE(options(r).main_connections);
}

TEST_CASE("config: mistakes in users", "[proxy][config][keyed]") {
  const auto vless = [](const std::string& users) {
    return read_text(inbound("vless", none + R"(, "clients": [)" + users + "]")).all();
  };
  CHECK(vless("{}") == "inbounds[0].settings.clients[0].id: is missing; it must be the user's UUID\n");
  CHECK(vless(R"({"id": "0123456789012345678901234567890"})") ==
        "inbounds[0].settings.clients[0].id: must be a UUID of 32 hexadecimal digits, or a text of 1 to 30 "
        "bytes\n");
  CHECK(vless(R"({"id": "a", "email": "A@b"}, {"id": "b", "email": "a@B"})") ==
        "inbounds[0].settings.clients[1].email: is 'a@B', which another user has; cases do not differ\n");
  CHECK(vless(R"({"id": "66ad4540b58c00009926ea63445a9b57"}, {"id": "66ad4540b58cffff9926ea63445a9b57"})") ==
        "inbounds[0].settings.clients[1].id: is that of another user, but for the bytes that all users may "
        "choose\n");
  CHECK(vless(R"({"id": "a", "flow": "xtls-rprx-direct"})")
            .starts_with(
                "inbounds[0].settings.clients[0].flow: is 'xtls-rprx-direct'; muxpro has no such flow"));
  CHECK(vless(R"({"id": "a", "encryption": "none"})") == "");
  const auto trojan = [](const std::string& users) {
    return read_text(inbound("trojan", R"("clients": [)" + users + "]")).all();
  };
  CHECK(trojan("{}") ==
        "inbounds[0].settings.clients[0].password: is missing; it must be the user's password\n");
  CHECK(trojan(R"({"password": ""})") == "inbounds[0].settings.clients[0].password: must not be empty\n");
  CHECK(trojan(R"({"password": "a"}, {"password": "a"})") ==
        "inbounds[0].settings.clients[1].password: is that of another user\n");
}

TEST_CASE("config: VLESS encrypts nothing", "[proxy][config][keyed]") {
  CHECK(read_text(inbound("vless", "")).all() ==
        "inbounds[0].settings.decryption: is missing; it must be \"none\"\n");
  CHECK(read_text(inbound("vless", R"("decryption": "mlkem768x25519plus.native.600s.x")")).all() ==
        "inbounds[0].settings.decryption: is 'mlkem768x25519plus.native.600s.x'; muxpro has no VLESS "
        "encryption: it "
        "must be \"none\" on both sides\n");
  CHECK(read_text(outbound("vless", R"("address": "127.0.0.1", "port": 1, "id": "a", "encryption": "")"))
            .all() ==
        "outbounds[0].settings.encryption: is ''; muxpro has no VLESS encryption: it must be \"none\" on "
        "both sides\n");
}

TEST_CASE("config: the servers of VLESS and Trojan, in both forms", "[proxy][config][keyed]") {
  const char* const right[][2] = {
      {"vless",
       R"("address": "192.0.2.1", "port": 443, "id": "a", "encryption": "none", "level": 1, "email": "x")"},
      {"vless", R"("vnext": [{"address": "192.0.2.1", "port": 443,
                              "users": [{"id": "a", "encryption": "none", "flow": "", "level": 1}]}])"},
      {"trojan", R"("address": "192.0.2.1", "port": 443, "password": "a", "level": 1)"},
      {"trojan", R"("servers": [{"address": "192.0.2.1", "port": 443, "password": "a", "email": "x"}])"}};
  for (const auto& [protocol, own] : right) {
    const read_text r(outbound(protocol, own));
    CHECK(r.all().empty());
    CHECK(to_string(*r.c.outbounds.at(0).plan.server) == "192.0.2.1:443");
    CHECK(r.c.outbounds[0].plan.datagrams == datagram_support::carried);
  }
  const std::string one = R"({"address": "127.0.0.1", "port": 443, "password": "a"})";
  CHECK(read_text(outbound("trojan", R"("servers": [)" + one + ", " + one + "]")).all() ==
        "outbounds[0].settings.servers[1]: is one too many; an outbound has one server, and balancers choose "
        "among "
        "outbounds\n");
  CHECK(read_text(outbound("trojan", R"("servers": [])")).all() ==
        "outbounds[0].settings.servers: is empty; it must have one object\n");
  CHECK(read_text(outbound("vless", R"("vnext": [{"address": "127.0.0.1", "port": 443}])")).all() ==
        "outbounds[0].settings.vnext[0].users: is missing; it must be a list of one object\n");
}

TEST_CASE("config: no protocol in the clear to a public address", "[proxy][config][keyed]") {
  const auto to = [](const std::string& address, const std::string& more = "") {
    return read_text(
        outbound("trojan", R"("address": ")" + address + R"(", "port": 443, "password": "a")", more));
  };
  CHECK(to("93.184.216.34").all() ==
        "outbounds[0].streamSettings: has no security, and 93.184.216.34 is a public address: protocol "
        "trojan does "
        "not encrypt; \"security\": \"tls\" does\n");
  CHECK(to("2606:2800:220:1::1").all().find("is a public address") != std::string::npos);
  for (const char* address : {"127.0.0.1", "10.0.0.1", "fd00::1", "unix:/run/x"})
    CHECK((to(address).all().empty() || std::string(address).starts_with("unix:")));
  CHECK(to("93.184.216.34", with_tls).all().empty());
  CHECK(
      warnings_of(to("proxy.example").c) ==
      std::vector<std::string>{"outbound trojan: protocol trojan does not encrypt, and streamSettings has no "
                               "security: others on the way to proxy.example can read it"});
  CHECK(warnings_of(to("proxy.example", with_tls).c).empty());
  CHECK(warnings_of(to("localhost").c).empty());
}

TEST_CASE("config: fallbacks", "[proxy][config][keyed]") {
  const auto told = [](const std::string& f) {
    return read_text(inbound("trojan", R"("fallbacks": [)" + f + "]")).all();
  };
  for (const char* dest : {"80", "\"80\"", "\"127.0.0.1:80\"", "\"[::1]:80\"", "\"a.example:80\"",
                           "\"/run/web\"", "\"@web\"", "\"@@web\""})
    CHECK(told(fmt::format(
                   R"({{"dest": {}, "xver": 2, "alpn": "h2", "path": "/x", "name": "a", "type": "tcp"}})",
                   dest))
              .empty());
  CHECK(told("{}") ==
        "inbounds[0].settings.fallbacks[0].dest: is missing; it must be a port of this machine, HOST:PORT, "
        "or the "
        "path of a unix socket\n");
  for (const char* dest : {"0", "\"a.example\"", "\"x\"", "70000"})
    CHECK(told(fmt::format(R"({{"dest": {}}})", dest)).find("it must be a port, HOST:PORT, or") !=
          std::string::npos);
  CHECK(told(R"({"dest": 80, "xver": 3})") ==
        "inbounds[0].settings.fallbacks[0].xver: is 3; it must be a whole number from 0 to 2\n");
  CHECK(told(R"({"dest": 80, "path": "x"})") ==
        "inbounds[0].settings.fallbacks[0].path: is 'x'; it must begin with '/'\n");
}

}  // namespace keyed_config
