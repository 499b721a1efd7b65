// VMess in a configuration: both spellings, and the mistakes.
#include "catch.hpp"
#include "config_text.hpp"

#include "proxy/inbound/vmess.hpp"
#include "proxy/outbound/keyed.hpp"

#include <fmt/format.h>

#include <string>

namespace vmess_config {

using namespace muxpro::proxy;
using test::read_text;

const std::string id = "66ad4540-b58c-4ad2-9926-ea63445a9b57";

std::string inbound(const std::string& own) {
  return fmt::format(
      R"({{"inbounds": [{{"protocol": "vmess", "listen": "0.0.0.0", "port": 1, "settings": {{{}}}}}],
                          "outbounds": [{{"protocol": "freedom"}}],
                          "policy": {{"levels": {{"0": {{"connIdle": 10}}, "3": {{"connIdle": 33}}}}}}}})",
      own);
}
std::string outbound(const std::string& own) {
  return fmt::format(R"({{"inbounds": [{{"protocol": "socks", "listen": "127.0.0.1", "port": 1}}],
                          "outbounds": [{{"protocol": "vmess", "settings": {{{}}}}}]}})",
                     own);
}
std::string server(const std::string& more) {
  return R"("address": "192.0.2.1", "port": 443, "id": "a")" + more;
}
const std::string no_alter_id =
    "alterId: is not 0; muxpro has no VMess without authenticated heads: it must be 0 on both sides\n";

TEST_CASE("config: the users of VMess", "[proxy][config][vmess]") {
  for (const char* key : {"clients", "users"}) {
    const read_text r(inbound(fmt::format(R"("{}": [
        {{"id": "{}", "alterId": 0, "email": "Alice@example", "level": 3, "security": "auto"}},
        {{"id": "example"}}], "default": {{"level": 1, "alterId": 64}}, "disableInsecureEncryption": true)",
                                          key, id)));
    REQUIRE(r.all().empty());
    const auto users = r.c.inbounds[0].plan.users->tried();
    REQUIRE(users->size() == 2);
    CHECK((*users)[0].user.name == "Alice@example");
    CHECK((*users)[0].user.relay->idle == std::chrono::seconds(33));
    CHECK((*users)[0].key == vmess_user(*parse_uuid(id)).stored());
    CHECK((*users)[1].user.name == "feb54431");
    CHECK(r.c.inbounds[0].plan.authenticates);
    const auto& o = test::options_of<vmess_inbound_options>(r.c.inbounds[0]);
    CHECK(o.encrypted_only);
    CHECK(o.keyed.main_connections);
  }
}

TEST_CASE("config: mistakes in users of VMess", "[proxy][config][vmess]") {
  const auto all = [](const std::string& users) {
    return read_text(inbound(R"("clients": [)" + users + "]")).all();
  };
  CHECK(all("{}") == "inbounds[0].settings.clients[0].id: is missing; it must be the user's UUID\n");
  CHECK(all(R"({"id": "a", "alterId": 64})") == "inbounds[0].settings.clients[0]." + no_alter_id);
  CHECK(all(R"({"id": "a"}, {"id": "a"})") ==
        "inbounds[0].settings.clients[1].id: is that of another user\n");
}

TEST_CASE("config: the servers of VMess, in both forms", "[proxy][config][vmess]") {
  for (
      const std::string& own :
      {server(
           R"(, "security": "chacha20-poly1305", "level": 1, "email": "x", "experiments": "AuthenticatedLength")"),
       std::string(R"("vnext": [{"address": "192.0.2.1", "port": 443,
                       "users": [{"id": "a", "alterId": 0, "security": "auto", "level": 1}]}])")}) {
    const read_text r(outbound(own));
    CHECK(r.all().empty());
    CHECK(to_string(*r.c.outbounds.at(0).plan.server) == "192.0.2.1:443");
    CHECK(r.c.outbounds[0].plan.datagrams == datagram_support::carried);
    CHECK(warnings_of(r.c).empty());
  }
  CHECK(read_text(outbound(server(R"(, "alterId": 1)"))).all() == "outbounds[0].settings." + no_alter_id);
  const read_text older(outbound(server(R"(, "security": "aes-128-cfb")")));
  CHECK(older.all() == "");
  CHECK(older.notes() == "outbounds[0].settings.security: is 'aes-128-cfb', which means auto, as in Xray\n");
}

TEST_CASE("config: VMess without encryption has a note", "[proxy][config][vmess]") {
  for (const std::string security : {"none", "zero"})
    CHECK(warnings_of(read_text(outbound(server(R"(, "security": ")" + security + '"'))).c) ==
          std::vector<std::string>{"outbound vmess: security " + security +
                                   " encrypts nothing, and current Xray servers refuse it"});
}

}  // namespace vmess_config
