// Configurations as panels and clients write them, and as examples have them.
#include "catch.hpp"
#include "config_text.hpp"

#include "proxy/inbound/dokodemo.hpp"
#include "proxy/outbound/freedom.hpp"

#include <string>
#include <string_view>

namespace config_real_files {

using namespace muxpro::proxy;
using test::options_of;
using test::read_text;
using test::with_inbound;
using test::with_outbound;

/// Without mistakes; `notes`: parts of lines that are among the notes.
void is_taken(const std::string& text, std::initializer_list<std::string_view> notes = {}) {
  const read_text r(text);
  CHECK(r.all() == "");
  for (const std::string_view n : notes)
    CHECK_THAT(r.notes(), Catch::Matchers::ContainsSubstring(std::string(n)));
}

constexpr const char* id = "5783a3e7-e373-51cd-8642-c83782b807c5";
constexpr const char* key = "wK2aDTyWr7AUjnNwPYVHZSiwQQ2qM-gwzKFkA5kbxXg";

TEST_CASE("config: an inbound of 3x-ui", "[proxy][config]") {
  is_taken(
      with_inbound(
          R"({"allocate": {"concurrency": 3, "refresh": 5, "strategy": "always"}, "listen": null, "port": 443,
      "protocol": "vless", "tag": "inbound-443", "settings": {"clients": [{"comment": "", "email": "abc",
       "enable": true, "expiryTime": 0, "flow": "xtls-rprx-vision", "id": ")" +
          std::string(id) + R"(", "limitIp": 0, "reset": 0, "subId": "x", "tgId": "", "totalGB": 0,
       "created_at": 1751112000000, "updated_at": 1751112000000}], "decryption": "none", "encryption": "none",
       "fallbacks": [], "testseed": [900]},
      "sniffing": {"destOverride": ["http", "tls", "quic", "fakedns"], "enabled": true},
      "streamSettings": {"externalProxy": [], "network": "tcp", "security": "reality", "realitySettings":
       {"dest": "a.example:443", "maxClient": "", "maxTimediff": 0, "minClient": "", "privateKey": ")" +
          key + R"(", "serverNames": ["a.example"], "settings": {"publicKey": "x"}, "shortIds": ["", "4d"],
       "show": false, "xver": 0}, "tcpSettings": {"acceptProxyProtocol": false, "header": {"type": "none"}}}})"),
      {"clients[0].created_at: has no effect", "realitySettings.maxClient: has no effect"});
  is_taken(with_outbound(
      R"({"protocol": "freedom", "settings": {"domainStrategy": "AsIs", "redirect": "", "noises": []}},
                  {"tag": "blocked", "protocol": "blackhole", "settings": {}})"));
}

TEST_CASE("config: an inbound of Marzban before it has users", "[proxy][config]") {
  const read_text empty(with_inbound(R"({"tag": "Shadowsocks TCP", "listen": "0.0.0.0", "port": 1080,
      "protocol": "shadowsocks", "settings": {"clients": [], "network": "tcp,udp"}})"));
  CHECK(empty.all() == "");
  CHECK(empty.notes() ==
        "inbounds[0].settings.clients: is empty: no client is let in before the API adds users\n");
  CHECK(empty.c.inbounds.at(0).plan.users->empty());
  CHECK(empty.c.inbounds.at(0).plan.udp);
  // A password beside an empty list lets no client in, as in Xray; a key of 2022 does.
  const read_text beside(with_inbound(R"({"port": 1080, "protocol": "shadowsocks", "settings": {"clients": [],
      "method": "aes-128-gcm", "password": "x"}})"));
  CHECK(beside.all() == "");
  CHECK(beside.c.inbounds.at(0).plan.users->empty());
  is_taken(with_inbound(R"({"port": 1080, "protocol": "shadowsocks", "settings": {"clients": [{"email": "1.u",
      "method": "chacha20-ietf-poly1305", "password": "x", "ivCheck": false}], "ota": false}})"));
}

TEST_CASE("config: outbounds of v2rayN and v2rayNG", "[proxy][config]") {
  is_taken(
      with_outbound(
          R"({"tag": "proxy", "protocol": "vless", "settings": {"vnext": [{"address": "x.example", "port": 443,
      "users": [{"id": ")" +
          std::string(id) + R"(", "alterId": 0, "email": "t@t.tt", "security": "auto", "encryption": "none",
      "flow": ""}]}]}, "streamSettings": {"network": "ws", "security": "tls", "tlsSettings": {"allowInsecure": false,
      "serverName": "x.example", "show": false}, "wsSettings": {"connectionReuse": true, "path": "/",
      "maxEarlyData": 2048, "earlyDataHeaderName": "Sec-WebSocket-Protocol"}},
      "mux": {"enabled": false, "concurrency": -1}},
      {"tag": "direct", "protocol": "freedom", "settings": {"vnext": null, "servers": null, "response": null},
       "streamSettings": null, "mux": null})"),
      {"users[0].security: has no effect", "tlsSettings.show: has no effect",
       "wsSettings.maxEarlyData: has no effect"});
  is_taken(with_outbound(
      R"({"tag": "proxy", "protocol": "trojan", "settings": {"servers": [{"address": "x.example",
      "level": 1, "method": "chacha20-poly1305", "ota": false, "password": "pw", "port": 443, "flow": ""}]},
      "streamSettings": {"network": "tcp", "security": "tls"}},
      {"protocol": "freedom", "tag": "fragment", "streamSettings": {"network": "tcp", "security": "none",
       "tcpSettings": {}, "sockopt": {"TcpNoDelay": true, "mark": 255}}})"));
  const read_text tunnel(with_outbound(R"({"protocol": "freedom", "streamSettings": {"network": "ws"}})"));
  CHECK(tunnel.all() == "outbounds[0].streamSettings.network: is 'ws'; it must be one of tcp, raw\n");
}

TEST_CASE("config: keys in other letters, as Go reads them", "[proxy][config]") {
  const read_text r(R"({"Log": {"logLevel": "Error"}, "Inbounds": [{"Tag": "a", "Protocol": "socks",
      "Listen": "127.0.0.1", "PORT": 1080, "Settings": {"UDP": true, "Users": [{"User": "u", "Pass": "p"}]}}],
      "outbounds": [{"protocol": "freedom", "Tag": "direct"}],
      "routing": {"domainstrategy": "IPOnDemand", "rules": [{"InboundTag": ["a"], "OutboundTag": "direct"}]}})");
  CHECK(r.all() == "");
  CHECK(r.c.log.level == log_level::error);
  REQUIRE(r.c.inbounds.size() == 1);
  CHECK(r.c.inbounds.at(0).tag == "a");
  CHECK(r.c.inbounds.at(0).plan.users->size() == 1);
  CHECK(r.c.routing.strategy == domain_strategy::ip_on_demand);
  CHECK(r.c.routing.rules.at(0).inbound_tag == std::vector<std::string>{"a"});
  // The place of a mistake has the key as it is written.
  CHECK(
      read_text(with_inbound(R"({"protocol": "socks", "listen": "::1", "Port": 1, "Settings": {"UDP": 7}})"))
          .all() == "inbounds[0].Settings.UDP: is 7; it must be true or false\n");
  CHECK(read_text(with_inbound(R"({"protocol": "socks", "listen": "::1", "port": 1, "Port": 2})")).all() ==
        "inbounds[0].Port: is used together with port, which means the same\n");
  is_taken(with_outbound(R"({"protocol": "vless", "settings": {"address": "1.2.3.4", "port": 1, "id": "a",
      "encryption": "none"}, "streamSettings": {"security": "reality", "realitySettings": {"publicKey": ")" +
                         std::string(key) + R"(", "password": "", "serverName": "a"}}})"));
}

TEST_CASE("config: unsupported parts are mistakes only if they request something", "[proxy][config]") {
  const std::string base = R"({"inbounds": [{"protocol": "socks", "listen": "::1", "port": 1}],
      "outbounds": [{"protocol": "freedom", "settings": {"noises": [], "noise": null},
      "streamSettings": {"sockopt": {"customSockopt": [], "addressPortStrategy": "none"}}}])";
  is_taken(base +
           R"(, "transport": {}, "reverse": {"bridges": [], "portals": []}, "env": [], "geodata": {}})");
  CHECK(read_text(base + R"(, "reverse": {"bridges": [{"tag": "b", "domain": "x"}]},
      "routing": {"rules": [{"inboundTag": ["b"], "outboundTag": "freedom"}]}})")
            .all() == "reverse: is not supported; muxpro has no reverse proxy\n");
  CHECK(read_text(base + R"(, "inboundDetour": [{"port": 1}]})").all() ==
        "inboundDetour: is not supported; muxpro has no form of V2Ray before version 4; inbounds and "
        "outbounds have "
        "all of them\n");
  // Rules may name what belongs to them.
  CHECK(read_text(R"({"inbounds": [{"protocol": "vless", "port": 1, "settings": {"decryption": "none",
      "clients": [{"id": "a", "reverse": {"tag": "far"}}]}}], "outbounds": [{"protocol": "freedom"},
      {"tag": "l", "protocol": "loopback", "settings": {"inboundTag": "again"}}],
      "routing": {"rules": [{"inboundTag": ["again"], "outboundTag": "far"}]}})")
            .all() ==
        "inbounds[0].settings.clients[0].reverse: is not supported; muxpro has no reverse proxy\n"
        "outbounds[1].protocol: is 'loopback'; muxpro has no loopback outbound\n");
  CHECK(read_text(with_inbound(R"({"protocol": "vless", "port": 1, "settings": {"decryption": "none",
      "clients": [{"id": "a", "flow": "xtls-rprx-direct"}, {"id": "b", "flow": "xtls"}]}})"))
            .all() ==
        "inbounds[0].settings.clients[0].flow: is 'xtls-rprx-direct'; muxpro has no such flow, and Xray has "
        "removed it; xtls-rprx-vision took its place\n"
        "inbounds[0].settings.clients[1].flow: is 'xtls'; it must be one of none, xtls-rprx-vision\n");
}

TEST_CASE("config: places in the forms of examples", "[proxy][config]") {
  const auto at = [](const std::string& i) {
    const read_text r(with_inbound(i));
    CHECK(r.all() == "");
    return r.c.inbounds.empty() ? std::string() : to_string(r.c.inbounds.at(0).at);
  };
  CHECK(at(R"({"protocol": "socks", "listen": "[::1]", "port": 1})") == "[::1]:1");
  CHECK(at(R"({"protocol": "socks", "listen": "", "port": 1})") == "127.0.0.1:1");
  CHECK(at(R"({"protocol": "socks", "listen": "/tmp/s", "port": 0})") == "unix:/tmp/s");
  const read_text door(
      with_inbound(R"({"protocol": "tunnel", "listen": "::1", "port": "5555,5556", "settings":
      {"portMap": {"5555": "1.1.1.1:7777", "5556": ":7778"}, "network": "tcp"}})"));
  CHECK(door.all() == "");
  CHECK(options_of<dokodemo_inbound_options>(door.c.inbounds.at(0)).by_port.at(5555) ==
        muxpro::host_port("1.1.1.1", 7777));
  CHECK(read_text(with_inbound(R"({"protocol": "tunnel", "listen": "::1", "port": 1, "settings":
      {"address": "a", "portMap": {"x": "1.1.1.1:7777"}}})"))
            .all() == "inbounds[0].settings.portMap.x: must be a port, and HOST:PORT as a text\n");
}

TEST_CASE("config: what an outbound without connections does not use", "[proxy][config]") {
  is_taken(with_outbound(R"({"protocol": "blackhole", "sendThrough": "0.0.0.0", "targetStrategy": "UseIP",
      "mux": {"enabled": false}, "streamSettings": {"sockopt": {"mark": 255}}})"),
           {"streamSettings: has no effect: blackhole dials nothing",
            "sendThrough: has no effect: blackhole dials nothing"});
  const read_text by_target(with_outbound(R"({"protocol": "freedom", "targetStrategy": "ForceIPv6"},
      {"tag": "s", "protocol": "socks", "settings": {"address": "a", "port": 1}, "targetStrategy": "UseIP"})"));
  CHECK(by_target.all() == "");
  CHECK(by_target.c.outbounds.at(0).stream.family == dial_family::only_ipv6);
  CHECK(by_target.notes() ==
        "outbounds[1].targetStrategy: has no effect: the server gets the names of targets, and resolves "
        "them\n");
  CHECK(read_text(with_outbound(R"({"protocol": "freedom", "sendThrough": "origin"})")).all() ==
        "outbounds[0].sendThrough: is 'origin'; muxpro has no sendThrough that follows the client's "
        "connection\n");
}

TEST_CASE("config: keep-alive in Xray's numbers", "[proxy][config]") {
  const auto socket = [](const std::string& keys) {
    const read_text r(
        with_outbound(R"({"protocol": "freedom", "streamSettings": {"sockopt": {)" + keys + "}}}"));
    CHECK(r.all() == "");
    return r.c.outbounds.at(0).stream.socket;
  };
  const socket_options usual = socket("");
  CHECK(socket(R"("tcpKeepAliveIdle": 0, "tcpKeepAliveInterval": 0)").keep_alive_idle ==
        usual.keep_alive_idle);
  CHECK(socket(R"("tcpKeepAliveIdle": 100)").keep_alive_idle == std::chrono::seconds(100));
  CHECK(socket(R"("tcpKeepAliveIdle": -1)").keep_alive_idle == muxpro::duration(0));
  CHECK(socket(R"("tcpKeepAliveInterval": -1)").keep_alive_idle == muxpro::duration(0));
}

TEST_CASE("config: values of the log and of freedom as Xray takes them", "[proxy][config]") {
  const auto log = [](const std::string& keys) {
    const read_text r(R"({"log": {)" + keys +
                      R"(}, "inbounds": [{"protocol": "socks", "listen": "::1", "port": 1}],
        "outbounds": [{"protocol": "freedom"}]})");
    CHECK(r.all() == "");
    return r.c.log;
  };
  CHECK(log(R"("loglevel": "warn")").level == log_level::warning);
  CHECK(log(R"("error": "none")").file == "/dev/null");
  CHECK(log(R"("error": "none", "access": "a.log")").access == "a.log");
  CHECK(log(R"("loglevel": "none", "access": "a.log")").access == std::nullopt);
  const auto fragment = [](const std::string& keys) {
    const read_text r(with_outbound(R"({"protocol": "freedom", "settings": {"fragment": {)" + keys + "}}}"));
    CHECK(r.all() == "");
    return options_of<freedom_options>(r.c.outbounds.at(0)).fragment;
  };
  CHECK_FALSE(fragment(""));
  REQUIRE(fragment(R"("length": "5-9")"));
  CHECK_FALSE(fragment(R"("length": "5-9")")->only_client_hello);
  CHECK(fragment(R"("packets": "TLShello", "length": "5-9")")->only_client_hello);
  is_taken(with_outbound(R"({"protocol": "freedom", "streamSettings": {"sockopt": {"tcpFastOpen": -1}}})"));
}

TEST_CASE("config: settings of a transport that muxpro has not are not looked at", "[proxy][config]") {
  const read_text kcp(
      with_inbound(R"({"protocol": "vmess", "port": 1, "settings": {"clients": []}, "streamSettings":
      {"network": "mkcp", "kcpSettings": {"mtu": 1}, "wsSettings": {"path": "/"}}})"));
  CHECK(kcp.all() == "inbounds[0].streamSettings.network: is 'mkcp'; muxpro has no mKCP\n");
  CHECK(kcp.notes() == "");
  const read_text issue(
      with_inbound(R"({"protocol": "vmess", "port": 1, "settings": {"clients": []}, "streamSettings":
      {"security": "tls", "tlsSettings": {"certificates": [{"usage": "issue", "certificateFile": "a", "keyFile":
       "b"}]}}})"));
  CHECK(issue.all() ==
        "inbounds[0].streamSettings.tlsSettings.certificates[0].usage: is 'issue'; muxpro has no authority "
        "that "
        "signs certificates when clients connect\n");
  CHECK(read_text(
            with_outbound(R"({"protocol": "vless", "settings": {"address": "1.2.3.4", "port": 1, "id": "a",
      "encryption": "mlkem768x25519plus.native.0rtt.x"}})"))
            .all() ==
        "outbounds[0].settings.encryption: is 'mlkem768x25519plus.native.0rtt.x'; muxpro has no VLESS "
        "encryption: it must be \"none\" on both sides\n");
  is_taken(
      with_outbound(R"({"protocol": "vless", "settings": {"address": "a", "port": 1, "id": "a", "encryption":
      "none"}, "streamSettings": {"network": "ws", "security": "tls", "wsSettings": {"path": "/?ed=2560"}}})"));
}

TEST_CASE("config: names that exclude nothing, and FakeDNS without sniffing", "[proxy][config]") {
  const read_text r(
      R"({"inbounds": [{"protocol": "socks", "listen": "::1", "port": 1, "sniffing": {"enabled": true,
      "destOverride": ["tls"], "domainsExcluded": ["mijia cloud", "courier.push.apple.com"]}}],
      "outbounds": [{"protocol": "freedom"}], "dns": {"servers": ["fakedns", {"address": "8.8.8.8",
      "expectIPs": ["10.0.0.0/8"], "allowUnexpectedIPs": true, "concurrency": true}]}})");
  CHECK(r.all() == "");
  CHECK(r.c.inbounds.at(0).sniffing.domains_excluded == std::vector<std::string>{"courier.push.apple.com"});
  CHECK_THAT(r.notes(), Catch::Matchers::ContainsSubstring("'mijia cloud', which is not a host name"));
  CHECK_THAT(r.notes(),
             Catch::Matchers::ContainsSubstring("dns: answers with addresses that no inbound turns"));
  CHECK(r.c.names->server(1).prefers_expected);
}

// Such a key left out would accept servers, or clients, that the file refuses.
TEST_CASE("config: checks of certificates that muxpro does not have are mistakes", "[proxy][config]") {
  for (const std::string key : {"pinnedPeerCertificateChainSha256", "pinnedPeerCertificatePublicKeySha256"}) {
    INFO(key);
    const auto file = [&](const std::string& pins) {
      return read_text(
          with_outbound(R"({"protocol": "vless", "settings": {"address": "a.example", "port": 443,
          "id": "alice", "encryption": "none"}, "streamSettings": {"security": "tls", "tlsSettings": {")" +
                        key + "\": " + pins + "}}}"));
    };
    CHECK_THAT(file(R"(["AA"])").all(), Catch::Matchers::ContainsSubstring("muxpro has no pin of that kind"));
    CHECK(file("[]").all() == "");
  }
}

}  // namespace config_real_files
