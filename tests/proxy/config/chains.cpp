// One outbound through another, and the order of a name's addresses, in a configuration.
#include "catch.hpp"
#include "config_text.hpp"

#include "proxy/outbound/freedom.hpp"

#include <muxpro/proxy/configured_proxy.hpp>

#include <algorithm>
#include <chrono>
#include <string>

namespace config_chains {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace std::chrono_literals;
using test::read_text;

read_text with(const std::string& outbounds) {
  return read_text(R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 1,
                                     "settings": {"udp": true}}], "outbounds": [)" +
                   outbounds + "]}");
}
std::string one(const std::string& tag, const std::string& protocol, const std::string& more) {
  return R"({"tag": ")" + tag + R"(", "protocol": ")" + protocol +
         R"(", "settings": {"address": "192.0.2.1", "port": 1)" +
         (protocol == "shadowsocks" ? R"(, "method": "aes-128-gcm", "password": "x")" : "") + "}" + more +
         "}";
}
std::string socks(const std::string& tag, const std::string& more = "") { return one(tag, "socks", more); }
std::string direct(const std::string& more = "") {
  return R"({"tag": "direct", "protocol": "freedom")" + more + "}";
}
std::string by_sockopt(const std::string& tag) {
  return R"(, "streamSettings": {"sockopt": {"dialerProxy": ")" + tag + R"("}})";
}
std::string by_proxy(const std::string& tag, const std::string& more = "") {
  return R"(, "proxySettings": {"tag": ")" + tag + "\"" + more + "}";
}

TEST_CASE("config: an outbound goes through another one", "[proxy][config][chain]") {
  const read_text r =
      with(socks("a", by_proxy("b")) + "," + socks("b", by_sockopt("direct")) + "," + direct());
  CHECK(r.all() + r.notes() == "");
  CHECK(outbound_behind(r.c, r.c.outbounds[0]) == &r.c.outbounds[1]);
  CHECK(outbound_behind(r.c, r.c.outbounds[1]) == &r.c.outbounds[2]);
  CHECK(outbound_behind(r.c, r.c.outbounds[2]) == nullptr);
  const read_text none =
      with(socks("a", by_proxy("") + R"(, "streamSettings": {"sockopt": {"dialerProxy": ""}})"));
  CHECK(none.all() == "");
  CHECK(outbound_behind(none.c, none.c.outbounds[0]) == nullptr);
}

TEST_CASE("config: a chain to an outbound that is not there", "[proxy][config][chain]") {
  CHECK(with(socks("a", by_proxy("dircet")) + "," + direct()).all() ==
        "outbounds[0].proxySettings.tag: is 'dircet'; it must be the tag of an outbound; did you mean "
        "'direct'?\n");
  CHECK(with(socks("a", by_sockopt("qwertyuiop"))).all() ==
        "outbounds[0].streamSettings.sockopt.dialerProxy: is 'qwertyuiop'; it must be the tag of an "
        "outbound\n");
}

TEST_CASE("config: a chain that leads back is reported once", "[proxy][config][chain]") {
  CHECK(with(socks("a", by_proxy("a"))).all() ==
        "outbounds[0].proxySettings.tag: is 'a', which leads back here: a -> a\n");
  CHECK(with(socks("a", by_proxy("b")) + "," + socks("b", by_proxy("c")) + "," + socks("c", by_sockopt("a")))
            .all() == "outbounds[0].proxySettings.tag: is 'b', which leads back here: a -> b -> c -> a\n");
  CHECK(with(socks("a", by_proxy("b")) + "," + socks("b", by_proxy("c")) + "," + socks("c", by_sockopt("b")))
            .all() == "outbounds[1].proxySettings.tag: is 'c', which leads back here: b -> c -> b\n");
}

TEST_CASE("config: what cannot go through another outbound", "[proxy][config][chain]") {
  CHECK(with(R"({"tag": "a", "protocol": "blackhole", "proxySettings": {"tag": "direct"}},)" + direct())
            .all() == "outbounds[0].proxySettings.tag: is 'direct'; blackhole dials nothing\n");
  CHECK(with(R"({"tag": "a", "protocol": "socks", "settings": {"address": "/run/x.sock"})" +
             by_proxy("direct") + "}," + direct())
            .all() ==
        "outbounds[0].proxySettings.tag: is 'direct'; a unix socket is reached from this machine alone\n");
  CHECK(with(socks("a", by_proxy("direct") + by_sockopt("direct")) + "," + direct()).all() ==
        "outbounds[0].proxySettings.tag: is used together with streamSettings.sockopt.dialerProxy, which "
        "means the same\n");
}

TEST_CASE("config: proxySettings leaves the transport out, unless it is wanted", "[proxy][config][chain]") {
  const std::string by_websocket = R"(, "streamSettings": {"network": "ws"})";
  const read_text r = with(socks("a", by_proxy("direct") + by_websocket) + "," + direct());
  CHECK(r.all() == "");
  CHECK(r.notes() ==
        "outbounds[0].proxySettings.tag: leaves out what streamSettings.network adds to connections, as in "
        "Xray; \"transportLayer\": true keeps it\n");
  CHECK_FALSE(r.c.outbounds[0].stream.carrier.make);
  const read_text whole =
      with(socks("a", by_proxy("direct", R"(, "transportLayer": true)") + by_websocket) + "," + direct());
  CHECK(whole.all() + whole.notes() == "");
  CHECK(whole.c.outbounds[0].stream.carrier.make);
}

TEST_CASE("config: datagrams beside connections need an outbound that carries them",
          "[proxy][config][chain]") {
  const auto warned = [](const std::string& outbounds) {
    const read_text r = with(outbounds);
    CHECK(r.all() == "");
    const auto all = warnings_of(r.c);
    return std::count_if(all.begin(), all.end(), [](const std::string& w) {
      return w ==
             "outbound a: its datagrams go beside its connections, and outbound b, through which it goes, "
             "carries no UDP: they are dropped";
    });
  };
  CHECK(warned(one("a", "shadowsocks", by_proxy("b")) + "," + one("b", "http", "")) == 1);
  CHECK(warned(socks("a", by_proxy("b")) + "," + one("b", "http", "")) == 1);
  CHECK(warned(socks("a", by_proxy("b") + R"(, "mux": {"enabled": true})") + "," + one("b", "http", "")) ==
        0);
  CHECK(warned(one("a", "shadowsocks", by_proxy("b")) + "," + socks("b")) == 0);
  CHECK(warned(socks("a", by_proxy("b")) + "," + socks("b", by_proxy("c")) + "," + one("c", "http", "")) ==
        1);
}

TEST_CASE("config: domainStrategy and happyEyeballs of sockets", "[proxy][config][chain]") {
  const read_text r = with(socks("a", R"(, "streamSettings": {"sockopt": {"domainStrategy": "UseIPv6",
      "happyEyeballs": {"tryDelayMs": 100, "prioritizeIPv6": true, "interleave": 2, "maxConcurrentTry": 5}}})"));
  CHECK(r.all() + r.notes() == "");
  const stream_config& s = r.c.outbounds[0].stream;
  CHECK(s.family == dial_family::ipv6);
  CHECK(s.resolves_server);
  REQUIRE(s.race);
  CHECK(s.race->stagger == 100ms);
  CHECK(s.race->order.v6_first == true);
  CHECK(s.race->order.in_a_row == 2);
  CHECK(s.race->order.at_once == 5);
  const read_text as_is = with(socks("a", R"(, "streamSettings": {"sockopt": {"domainStrategy": "asis"}})"));
  CHECK_FALSE(as_is.c.outbounds[0].stream.resolves_server);
  CHECK_FALSE(with(socks("a", "")).c.outbounds[0].stream.resolves_server);
  const read_text direct_too = with(direct(R"(, "streamSettings": {"sockopt": {"domainStrategy": "ForceIPv4",
      "happyEyeballs": {}, "mark": 255}})"));
  CHECK(direct_too.all() + direct_too.notes() == "");
  CHECK(direct_too.c.outbounds[0].stream.family == dial_family::only_ipv4);
  REQUIRE(direct_too.c.outbounds[0].stream.race);
  CHECK(direct_too.c.outbounds[0].stream.race->stagger == 250ms);
  CHECK(direct_too.c.outbounds[0].stream.race->order.v6_first == false);
  CHECK(direct_too.c.outbounds[0].stream.socket.mark == 255);
  CHECK(
      with(socks("a", R"(, "streamSettings": {"sockopt": {"happyEyeballs": {"interleave": 0}}})")).all() ==
      "outbounds[0].streamSettings.sockopt.happyEyeballs.interleave: is 0; it must be a whole number from 1 "
      "to 64\n");
}

TEST_CASE("config: options of sockets on a dns outbound have an effect if a rule forwards queries",
          "[proxy][config][chain]") {
  const auto warned = [](const std::string& settings, const std::string& way) {
    const read_text r = with(R"({"tag": "names", "protocol": "dns", "settings": {)" + settings + "}" + way +
                             "}," + socks("a"));
    CHECK(r.all() == "");
    const auto all = warnings_of(r.c);
    return std::count(all.begin(), all.end(),
                      "outbound names: its sockopt, sendThrough and proxySettings have no effect: no rule "
                      "forwards queries, and the proxy's resolver asks the servers of dns");
  };
  const std::string source = R"(, "sendThrough": "127.0.0.1")",
                    mark = R"(, "streamSettings": {"sockopt": {"mark": 255, "domainStrategy": "UseIPv4"}})";
  for (const std::string& way : {source, mark, by_proxy("a"), by_sockopt("a")}) {
    INFO(way);
    CHECK(warned("", way) == 1);
    CHECK(warned(R"("nonIPQuery": "drop")", way) == 1);
    CHECK(warned(R"("rules": [{"action": "hijack"}])", way) == 1);
    CHECK(warned(R"("nonIPQuery": "skip")", way) == 0);
    CHECK(warned(R"("rules": [{"action": "direct", "qType": 16}])", way) == 0);
  }
  CHECK(warned("", "") == 0);
}

}  // namespace config_chains
