// Configurations in the older and the newer names and forms.
#include "catch.hpp"
#include "config_text.hpp"

#include "proxy/config/convert.hpp"
#include "proxy/config/merge.hpp"

#include <string>

namespace config_conversion {

using namespace muxpro::proxy;

setting parsed(const std::string& text) {
  config_mistakes mistakes;
  auto root = parse_json(text, mistakes);
  REQUIRE(mistakes.empty());
  return std::move(*root);
}
std::string as(const std::string& text, config_form to) { return json_text(converted(parsed(text), to)); }
std::string same(const std::string& text) { return json_text(parsed(text)); }

const std::string older = R"({
  "inbounds": [
    {"protocol": "dokodemo-door", "port": 1, "settings": {"address": "a.example", "port": 2, "network": "tcp"}},
    {"protocol": "socks", "port": 3, "settings": {"accounts": [{"user": "u", "pass": "p"}]}},
    {"protocol": "shadowsocks", "port": 4, "settings": {"network": "tcp,udp", "method": "aes-128-gcm", "password": "p"}},
    {"protocol": "vless", "port": 5, "settings": {"clients": [{"id": "x"}], "decryption": "none"},
     "streamSettings": {"network": "ws", "wsSettings": {"path": "/"}}}],
  "outbounds": [
    {"protocol": "vless", "settings": {"vnext": [{"address": "b", "port": 6, "users": [{"id": "x", "encryption": "none"}]}]},
     "streamSettings": {"network": "tcp", "tcpSettings": {}, "realitySettings": {"publicKey": "k", "dest": "t"}}},
    {"protocol": "trojan", "settings": {"servers": [{"address": "c", "port": 7, "password": "p"}]}},
    {"protocol": "socks", "settings": {"servers": [{"address": "d", "port": 8, "users": [{"user": "u", "pass": "p"}]}]}},
    {"protocol": "freedom", "settings": {"domainStrategy": "UseIP"}},
    {"protocol": "blackhole"}],
  "routing": {"domainStrategy": "AsIs", "rules": [{"domain": ["x"], "outboundTag": "y"}]}
})";
const std::string newer = R"({
  "inbounds": [
    {"protocol": "tunnel", "port": 1, "settings": {"rewriteAddress": "a.example", "rewritePort": 2, "allowedNetwork": "tcp"}},
    {"protocol": "socks", "port": 3, "settings": {"users": [{"user": "u", "pass": "p"}]}},
    {"protocol": "shadowsocks", "port": 4, "settings": {"network": "tcp,udp", "method": "aes-128-gcm", "password": "p"}},
    {"protocol": "vless", "port": 5, "settings": {"users": [{"id": "x"}], "decryption": "none"},
     "streamSettings": {"method": "ws", "wsSettings": {"path": "/"}}}],
  "outbounds": [
    {"protocol": "vless", "settings": {"address": "b", "port": 6, "id": "x", "encryption": "none"},
     "streamSettings": {"method": "raw", "rawSettings": {}, "realitySettings": {"password": "k", "target": "t"}}},
    {"protocol": "trojan", "settings": {"address": "c", "port": 7, "password": "p"}},
    {"protocol": "socks", "settings": {"address": "d", "port": 8, "user": "u", "pass": "p"}},
    {"protocol": "direct", "settings": {"targetStrategy": "UseIP"}},
    {"protocol": "block"}],
  "routing": {"domainStrategy": "AsIs", "rules": [{"domain": ["x"], "outboundTag": "y"}]}
})";

TEST_CASE("config: the older names and forms become the newer ones, and back", "[proxy][config]") {
  CHECK(as(older, config_form::newer) == same(newer));
  CHECK(as(newer, config_form::older) == same(older));
  CHECK(as(older, config_form::older) == same(older));
  CHECK(as(newer, config_form::newer) == same(newer));
}

TEST_CASE("config: several servers or users stay in their list", "[proxy][config]") {
  for (const std::string settings :
       {R"({"vnext": [{"address": "a", "port": 1, "users": [{"id": "x"}, {"id": "y"}]}]})",
        R"({"vnext": [{"address": "a", "port": 1}, {"address": "b", "port": 1}]})", R"({"vnext": []})",
        R"({"vnext": "a"})", R"([])"}) {
    const std::string text = R"({"outbounds": [{"protocol": "vless", "settings": )" + settings + "}]}";
    CHECK(as(text, config_form::newer) == same(text));
  }
}

TEST_CASE("config: what is no configuration is left as it is", "[proxy][config]") {
  for (const std::string text :
       {R"([1])", R"({"outbounds": 1})", R"({"outbounds": [1, null]})", R"({"inbounds": {}})"})
    CHECK(as(text, config_form::newer) == same(text));
}

}  // namespace config_conversion
