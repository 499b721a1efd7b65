// Outbounds that datagrams of an inbound can get to, and what a configuration is warned of.
#include "catch.hpp"
#include "config_text.hpp"

#include "proxy/outbound/freedom.hpp"

namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using test::options_of;
using test::read_text;
using tags = std::vector<std::string>;

/// Outbounds a, b, c and what `rules` allow.
tags possible(std::string rules, std::string_view inbound, network net = network::udp) {
  const read_text r(R"({"inbounds": [{"tag": "in", "protocol": "socks", "listen": "127.0.0.1", "port": 1},
                  {"tag": "x", "protocol": "socks", "listen": "127.0.0.1", "port": 2},
                  {"tag": "other", "protocol": "socks", "listen": "127.0.0.1", "port": 3}],
    "outbounds": [{"tag": "a", "protocol": "freedom"}, {"tag": "b", "protocol": "freedom"},
                  {"tag": "c", "protocol": "freedom"}], "routing": {"rules": [)" +
                    std::move(rules) + R"(],
    "balancers": [{"tag": "some", "selector": ["b", "c"]},
                  {"tag": "else", "selector": ["b"], "fallbackTag": "c"}]}})");
  CHECK(r.all() == "");
  return possible_outbounds(r.c.routing, inbound, net);
}

std::string warned(const std::string& inbound, const std::string& outbounds, const std::string& rules = "") {
  const read_text r(R"({"inbounds": [)" + inbound + R"(], "outbounds": [)" + outbounds +
                    R"(], "routing": {"rules": [)" + rules + "]}}");
  CHECK(r.all() == "");
  std::string all;
  for (const auto& w : warnings_of(r.c)) all += w + "\n";
  return all;
}

const std::string socks = R"({"tag": "in", "protocol": "socks", "listen": "127.0.0.1", "port": 1,
                              "settings": {"udp": true}})",
                  door = R"({"tag": "in", "protocol": "dokodemo-door", "listen": "127.0.0.1", "port": 1,
                             "settings": {"address": "192.0.2.1", "port": 53, "network": "udp"}})",
                  mute = R"({"tag": "far", "protocol": "socks",
                             "settings": {"servers": [{"address": "/run/socks"}]}})",
                  direct = R"({"tag": "direct", "protocol": "freedom"})",
                  hole = R"({"tag": "hole", "protocol": "blackhole"})";
const std::string refused =
    "inbound in: UDP ASSOCIATE is refused, no rule leads to an outbound that carries UDP\n";
const std::string dropped =
    "inbound in: rules lead datagrams to far, which carries no UDP: they are dropped\n";

}  // namespace

TEST_CASE("possible outbounds: those of its rules, up to one that takes everything", "[proxy][router]") {
  CHECK(possible("", "in") == tags{"a"});
  CHECK(possible(R"({"port": "53", "outboundTag": "b"})", "in") == tags{"b", "a"});
  CHECK(possible(R"({"network": "udp", "outboundTag": "b"})", "in") == tags{"b"});
  CHECK(possible(R"({"network": "tcp", "outboundTag": "b"})", "in") == tags{"a"});
  CHECK(possible(R"({"network": "tcp", "outboundTag": "b"})", "in", network::tcp) == tags{"b"});
  CHECK(possible(R"({"network": "tcp,udp", "outboundTag": "b"})", "in") == tags{"b"});
  CHECK(possible(R"({"inboundTag": ["in", "x"], "outboundTag": "b"})", "in") == tags{"b"});
  CHECK(possible(R"({"inboundTag": "other", "outboundTag": "b"})", "in") == tags{"a"});
  CHECK(possible(R"({"inboundTag": "in", "user": "alice", "outboundTag": "b"})", "in") == tags{"b", "a"});
  CHECK(possible(R"({"network": "udp", "balancerTag": "some"})", "in") == tags{"b", "c"});
  CHECK(possible(R"({"network": "udp", "balancerTag": "else"})", "in") == tags{"b", "c"});
}

TEST_CASE("possible outbounds: no field of a rule but inbound and network makes it take everything",
          "[proxy][router]") {
  for (const char* field :
       {R"("domain": "full:x")", R"("ip": "192.0.2.1")", R"("source": "192.0.2.1")", R"("port": 1)",
        R"("sourcePort": 1)", R"("user": "u")", R"("protocol": "dns")", R"("attrs": {"a": "b"})"})
    CHECK(possible(std::string("{") + field + R"(, "outboundTag": "b"})", "in") == tags{"b", "a"});
}

TEST_CASE("config: outbounds without UDP are pointed out", "[proxy][config]") {
  CHECK(warned(socks, mute) == refused);
  CHECK(warned(socks, mute + "," + direct) == refused);
  CHECK(warned(socks, direct + "," + mute) == "");
  CHECK(warned(socks, direct + "," + mute, R"({"port": 53, "outboundTag": "far"})") == dropped);
  CHECK(warned(socks, direct + "," + mute, R"({"network": "tcp", "outboundTag": "far"})") == "");
  CHECK(warned(socks, mute + "," + direct, R"({"network": "udp", "outboundTag": "direct"})") == "");
  CHECK(warned(socks, hole) == refused);
  CHECK(warned(socks, direct + "," + hole, R"({"port": 443, "outboundTag": "hole"})") == "");
  CHECK(warned(door, mute) == dropped);
  CHECK(warned(door, hole) == "");
  CHECK(warned(R"({"protocol": "socks", "listen": "127.0.0.1", "port": 1})", mute) == "");
  CHECK(warned(R"({"protocol": "http", "listen": "127.0.0.1", "port": 1})", mute) == "");
  CHECK(warned(R"({"tag": "in", "protocol": "mixed", "listen": "127.0.0.1", "port": 1,
                   "settings": {"udp": true}})",
               mute) == refused);
  CHECK(warned(R"({"tag": "in", "protocol": "mux.pro", "listen": "127.0.0.1", "port": 1})", mute) == dropped);
}

TEST_CASE("config: how many datagrams a user may send", "[proxy][config]") {
  const auto rate = [](const std::string& freedom, const std::string& level) {
    const read_text r(R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 1,
      "settings": {"userLevel": 3}}], "outbounds": [{"protocol": "freedom", "settings": {)" +
                      freedom + R"(}}], "policy": {"levels": {"3": {)" + level + "}}}}");
    if (r.all() != "") return r.all();
    const auto of_outbound = options_of<freedom_options>(r.c.outbounds[0]).udp_rate;
    const auto of_level = r.c.inbounds[0].anonymous.datagrams;
    return fmt::format("{} {}", of_outbound ? std::to_string(*of_outbound) : "default",
                       of_level ? fmt::format("{}/{}", of_level->burst, of_level->per_second) : "default");
  };
  CHECK(rate("", "") == "default default");
  CHECK(rate(R"("udpRate": 0)", R"("udpRate": 500)") == "0 500/500");
  CHECK(rate(R"("udpRate": 100000000)", R"("udpRate": 0)") == "100000000 0/1");
  CHECK(rate(R"("udpRate": 100000001)", "") ==
        "outbounds[0].settings.udpRate: is 100000001; it must be a whole number from 0 to 100000000\n");
}
