// Configurations that cannot be: each mistake with its place and what is allowed there.
#include "catch.hpp"
#include "config_text.hpp"

#include <string>

namespace {

using namespace muxpro::proxy;
using test::read_text;

std::string with_socks(const std::string& more) {
  return R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 1)" + more +
         R"(}], "outbounds": [{"protocol": "freedom"}]})";
}
std::string with_outbound(const std::string& o) {
  return R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 1}], "outbounds": [)" + o +
         "]}";
}
std::string with_routing(const std::string& r) {
  return R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 1}],
             "outbounds": [{"protocol": "freedom"}], "routing": )" +
         r + "}";
}
std::string told(const std::string& text) { return read_text(text).all(); }

}  // namespace

TEST_CASE("config: what is missing", "[proxy][config]") {
  CHECK(told("{}") ==
        "inbounds: is missing; it must be a list of at least one object\n"
        "outbounds: is missing; it must be a list of at least one object; the first one is the default\n");
  CHECK(told(R"({"inbounds": [], "outbounds": [{"protocol": "freedom"}]})") ==
        "inbounds: is empty; it must have at least one inbound\n");
  CHECK(told("7") == ": is 7; it must be an object\n");
  CHECK(told(R"({"inbounds": [{}], "outbounds": [{}]})") ==
        "inbounds[0].protocol: is missing; it must be the name of a protocol\n"
        "inbounds[0].port: is missing; it must be a port from 0 to 65535, a range such as 1000-1010, a list "
        "of both "
        "such as 80,443,1000-1010, or env:NAME\n"
        "outbounds[0].protocol: is missing; it must be the name of a protocol\n");
}

TEST_CASE("config: unknown keys", "[proxy][config]") {
  CHECK(told(with_socks(R"(, "setings": {})")) ==
        "inbounds[0].setings: there is no such key; did you mean 'settings'?\n");
  CHECK(told(with_socks(R"(, "Tagg": 2)")) ==
        "inbounds[0].Tagg: there is no such key; did you mean 'tag'?\n");
  CHECK(told(with_socks(R"(, "settings": {"qwertyuiop": 1})")) ==
        "inbounds[0].settings.qwertyuiop: there is no such key; there may be userLevel, accounts, auth, udp, "
        "ip, "
        "mainConnections, maxHeaderBytes, maxHeaderFields, users\n");
  CHECK(told(R"({"inbounds": [{"protocol": "socks", "listen": "::1", "port": 1}],
                 "outbounds": [{"protocol": "freedom"}], "reverse": {"portals": [{"tag": "p"}]}})") ==
        "reverse: is not supported; muxpro has no reverse proxy\n");
}

TEST_CASE("config: values of the wrong kind or size", "[proxy][config]") {
  CHECK(told(with_socks(R"(, "tag": 1)")) == "inbounds[0].tag: is 1; it must be a text\n");
  CHECK(told(R"({"inbounds": {}, "outbounds": 1})") ==
        "inbounds: is an object; it must be a list of objects\noutbounds: is 1; it must be a list of "
        "objects\n");
  for (const char* port : {"-1", "65536", "1.5", "\"\"", "\"80x\"", "\"8 0\"", "null", "1e300", "[1]"})
    CHECK(told(R"({"inbounds": [{"protocol": "socks", "listen": "::1", "port": )" + std::string(port) +
               R"(}], "outbounds": [{"protocol": "freedom"}]})")
              .find("inbounds[0].port: is ") == 0);
  CHECK(told(with_socks(R"(, "openToAll": "yes")")) ==
        "inbounds[0].openToAll: is 'yes'; it must be true or false\n");
  CHECK(told(with_socks(R"(, "streamSettings": {"sockopt": {"tcpKeepAliveIdle": 32768}})")) ==
        "inbounds[0].streamSettings.sockopt.tcpKeepAliveIdle: is 32768; it must be a number of seconds from "
        "-32767 to 32767\n");
}

TEST_CASE("config: an inbound that everybody could use", "[proxy][config]") {
  const auto on = [](const std::string& listen, const std::string& more = "") {
    return told(R"({"inbounds": [{"protocol": "socks", "port": 1, "listen": ")" + listen + "\"" + more +
                R"(}], "outbounds": [{"protocol": "freedom"}]})");
  };
  for (const char* listen : {"0.0.0.0", "::", "192.0.2.1", "10.0.0.1"}) {
    CHECK(on(listen) ==
          "inbounds[0].listen: is '" + std::string(listen) +
              "' without accounts or client certificates, and every client that reaches it could use it; "
              "\"listen\": \"127.0.0.1\" serves this machine alone, accounts let users in, and "
              "\"openToAll\": true lets everyone in\n");
    CHECK(on(listen, R"(, "openToAll": true)") == "");
    CHECK(on(listen, R"(, "settings": {"accounts": [{"user": "a", "pass": "b"}]})") == "");
  }
  CHECK(on("127.0.0.1") == "");
  CHECK(on("::1") == "");
  const std::string own = R"({"certificateFile": "a", "keyFile": "b"})";
  const std::string tls = R"(, "streamSettings": {"security": "tls", "tlsSettings": {"certificates": [)";
  CHECK(on("::", tls + own + "]}}") != "");
  CHECK(on("::", tls + own + R"(, {"certificateFile": "c", "usage": "verify"}]}})") == "");
  CHECK(on("nowhere").find(
            "inbounds[0].listen: is 'nowhere'; it must be an IP address, localhost, unix:PATH") == 0);
  CHECK(on("unix:").find("a path must have 1 to 107 bytes") != std::string::npos);
  CHECK(on("/run/s") == "");
}

TEST_CASE("config: accounts", "[proxy][config]") {
  CHECK(told(with_socks(R"(, "settings": {"auth": "password"})")) ==
        "inbounds[0].settings.auth: is 'password', and there are no accounts\n");
  const read_text open(
      with_socks(R"(, "settings": {"auth": "noauth", "accounts": [{"user": "a", "pass": "b"}]})"));
  CHECK(open.all() == "");
  CHECK(open.notes() == "inbounds[0].settings.auth: is 'noauth': the accounts have no effect\n");
  CHECK_FALSE(open.c.inbounds.at(0).plan.authenticates);
  CHECK(told(with_socks(R"(, "settings": {"accounts": [{"user": ""}]})")) ==
        "inbounds[0].settings.accounts[0].pass: is missing; it must be the user's password\n"
        "inbounds[0].settings.accounts[0].user: must have 1 to 255 bytes\n");
  // A password is never shown.
  CHECK(told(with_socks(R"(, "settings": {"accounts": [{"user": "a", "pass": 12345}]})")) ==
        "inbounds[0].settings.accounts[0].pass: must be a text\n");
  CHECK(told(R"({"pass": "hunter2)").find("hunter2") == std::string::npos);
  CHECK(told(with_socks(R"(, "settings": {"accounts": [{"user": "a", "pass": ["hunter2"]}]})"))
            .find("hunter2") == std::string::npos);
}

TEST_CASE("config: outbounds that cannot be", "[proxy][config]") {
  CHECK(told(with_outbound(R"({"protocol": "freedm"})")) ==
        "outbounds[0].protocol: is 'freedm'; it must be one of freedom, direct, blackhole, block, dns, "
        "mux.pro, "
        "socks, http, vless, vmess, trojan, shadowsocks; did you mean 'freedom'?\n");
  CHECK(told(with_outbound(R"({"tag": "a", "protocol": "freedom"}, {"tag": "a", "protocol": "freedom"})")) ==
        "outbounds[1].tag: is 'a'; it must be a name that no other outbound has\n");
  const read_text untagged(with_outbound(R"({"protocol": "freedom"}, {"protocol": "freedom"})"));
  CHECK(untagged.all() == "");
  CHECK(untagged.c.outbounds.at(1).tag == "freedom 2");
  CHECK(told(with_outbound(R"({"protocol": "freedom", "settings": {"refusedUdpPorts": "19,ntp"}})")) ==
        "outbounds[0].settings.refusedUdpPorts: it must be a list of ports and ranges of 0 to 65535, such as "
        "53,443,1000-2000\n");
  CHECK(
      told(with_outbound(R"({"protocol": "freedom", "settings": {"domainStrategy": "UseIPv5"}})")) ==
      "outbounds[0].settings.domainStrategy: is 'UseIPv5'; it must be one of AsIs, UseIP, UseIPv4, UseIPv6, "
      "UseIPv4v6, UseIPv6v4, ForceIP, ForceIPv4, ForceIPv6, ForceIPv4v6, ForceIPv6v4; did you mean "
      "'UseIPv4'?\n");
  CHECK(told(with_outbound(R"({"protocol": "freedom", "mux": {"enabled": true}})"))
            .find("outbounds[0].mux.enabled: is true") == 0);
  const std::string mux = R"({"protocol": "mux.pro", "settings": {"address": "a", "port": 1})";
  CHECK(told(with_outbound(mux + R"(, "mux": {"enabled": false}})"))
            .find("outbounds[0].mux.enabled: is false") == 0);
  CHECK(told(with_outbound(mux + R"(, "mux": {"concurrency": 0}})")) ==
        "outbounds[0].mux.concurrency: is 0; it must be a whole number from 1 to 65535\n");
  for (const char* priority : {"-1", "256", "0.5"})
    CHECK(told(with_outbound(mux + R"(, "mux": {"priority": )" + priority + "}}")) ==
          "outbounds[0].mux.priority: is " + std::string(priority) +
              "; it must be a whole number from 0 to 255\n");
  CHECK(told(with_outbound(mux + R"(, "mux": {"prioriti": 1}})")) ==
        "outbounds[0].mux.prioriti: there is no such key; did you mean 'priority'?\n");
  CHECK(told(with_outbound(R"({"protocol": "mux.pro", "settings": {"address": "a b", "port": 0}})")) ==
        "outbounds[0].settings.address: is 'a b'; it must be a name, an IP address or unix:PATH\n"
        "outbounds[0].settings.port: is 0; it must be a whole number from 1 to 65535\n");
  CHECK(told(with_outbound(
            R"({"protocol": "mux.pro", "settings": {"address": "unix:/s"},
              "streamSettings": {"security": "tls"}})")) ==
        "outbounds[0].streamSettings.tlsSettings.serverName: is missing; it must be the name in the server's "
        "certificate\n");
}

TEST_CASE("config: servers of SOCKS that cannot be", "[proxy][config]") {
  const auto servers = [](const std::string& list) {
    return told(with_outbound(R"({"protocol": "socks", "settings": {"servers": )" + list + "}}"));
  };
  CHECK(told(with_outbound(R"({"protocol": "socks"})")) ==
        "outbounds[0].settings.address: is missing; it must be the server's name or address, or unix:PATH\n"
        "outbounds[0].settings.port: is missing; it must be a whole number from 1 to 65535\n");
  CHECK(servers("[]") == "outbounds[0].settings.servers: is empty; it must have one object\n");
  CHECK(servers(R"([{"address": "a", "port": 1}, {"address": "b", "port": 1}])") ==
        "outbounds[0].settings.servers[1]: is one too many; an outbound has one server, and balancers choose "
        "among outbounds\n");
  const auto user = [&](const std::string& u) {
    return servers(R"([{"address": "a", "port": 1, "users": [)" + u + "]}]");
  };
  const std::string at = "outbounds[0].settings.servers[0].users[0]";
  CHECK(user(R"({"user": "a", "pass": "b"})") == "");
  CHECK(user(R"({"user": "a"})") == at + ".pass: is missing; it must be the user's password\n");
  CHECK(user(R"({"user": "a", "pass": 12345})") == at + ".pass: must be a text\n");
  CHECK(user(R"({"user": "", "pass": "b"})") == at + ": must have 1 to 255 bytes in user and pass\n");
  CHECK(user(R"({"user": "a", "pass": "b"}, {"user": "c", "pass": "d"})") ==
        "outbounds[0].settings.servers[0].users[1]: is one too many; an outbound has one user\n");
}

TEST_CASE("config: doors that cannot be", "[proxy][config]") {
  const auto door = [](const std::string& settings, const std::string& listen = "127.0.0.1") {
    return told(R"({"inbounds": [{"protocol": "dokodemo-door", "port": 1, "listen": ")" + listen +
                R"(", "settings": {)" + settings + R"(}}], "outbounds": [{"protocol": "freedom"}]})");
  };
  const std::string at = "inbounds[0].settings";
  CHECK(door("") == at + ".address: is missing; it must be the one place to go to, unless "
                         "followRedirect is true\n");
  CHECK(door(R"("address": "a")") == "");
  CHECK(door(R"("port": 53)") == "");
  CHECK(door(R"("address": "a b", "port": 1)") ==
        at + ".address: is 'a b'; it must be a name or an IP address\n");
  CHECK(door(R"("address": "a", "port": 1, "network": "icmp")") ==
        at + ".network: is 'icmp'; it must be one of tcp, udp\n");
  CHECK(door(R"("followRedirect": true, "network": "udp")") ==
        at + ".network: has udp, which needs address and port, or sockopt with tproxy: REDIRECT does not "
             "keep the destination of datagrams\n");
  // A fixed target is no open proxy, and a gateway serves the networks that it connects.
  CHECK(door(R"("address": "a", "port": 1)", "0.0.0.0") == "");
  CHECK(door(R"("followRedirect": true)", "0.0.0.0") == "");
}

TEST_CASE("config: transports that cannot be", "[proxy][config]") {
  const auto stream = [](const std::string& s) { return told(with_socks(R"(, "streamSettings": )" + s)); };
  CHECK(stream("{\"network\": \"a\x7f\", \"a\": 1}") ==
        "inbounds[0].streamSettings.network: is 'a?'; it must be one of tcp, raw, unix, ws, "
        "websocket, httpupgrade, grpc, gun, xhttp, splithttp\n"
        "inbounds[0].streamSettings.a: there is no such key; there may be network, security, sockopt, "
        "method\n");
  CHECK(stream(R"({"network": "tpc"})") ==
        "inbounds[0].streamSettings.network: is 'tpc'; it must be one of tcp, raw, unix, ws, "
        "websocket, httpupgrade, grpc, gun, xhttp, splithttp; did you mean 'tcp'?\n");
  CHECK(stream(R"({"security": "xtls"})") ==
        "inbounds[0].streamSettings.security: is 'xtls'; muxpro has no security xtls, and Xray has "
        "removed it; flow xtls-rprx-vision over tls took its place\n");
  CHECK(stream(R"({"security": "tls"})") ==
        "inbounds[0].streamSettings.tlsSettings.certificates: has no certificate of usage 'encipherment', "
        "which a server needs\n");
  const std::string one = R"({"certificateFile": "a", "keyFile": "b"})";
  const auto tls = [&](const std::string& t) {
    return stream(R"({"security": "tls", "tlsSettings": {)" + t + "}}");
  };
  CHECK(tls(R"("certificates": [)" + one + "," + one + "]") == "");
  CHECK(tls(R"("certificates": [)" + one + R"(], "pinnedPeerCertSha256": "abc")").find("64 hex digits") !=
        std::string::npos);
  CHECK(tls(R"("certificates": [)" + one + R"(], "minVersion": "1.3", "maxVersion": "1.2")")
            .find("maxVersion: is lower than minVersion") != std::string::npos);
  CHECK(tls(R"("certificates": [)" + one + R"(], "serverName": "x")") == "");
}

TEST_CASE("config: every rule is looked at", "[proxy][config]") {
  CHECK(
      told(with_routing(R"({"rules": [
    {"outboundTag": "fredom", "port": 80}, {"outboundTag": "freedom", "ip": ["nonsense"]},
    {"outboundTag": "freedom"}, {"outboundTag": "freedom", "sourceIP": ["x"]},
    {"outboundTag": "freedom", "user": [1]}, {"outboundTag": "freedom", "attrs": {"a": 1}}]})")) ==
      "routing.rules[0].outboundTag: is 'fredom', it must be one of freedom\n"
      "routing.rules[1].ip: is 'nonsense', it must be an address, a block such as 10.0.0.0/8, geoip:LIST or "
      "ext:FILE:LIST, or one of them behind '!'\n"
      "routing.rules[2].network: is '', and so is every other field; tcp,udp matches everything\n"
      "routing.rules[3].sourceIP: is 'x', it must be an address, a block such as 10.0.0.0/8, geoip:LIST or "
      "ext:FILE:LIST, or one of them behind '!'\n"
      "routing.rules[4].user[0]: is 1; it must be a text\n"
      "routing.rules[5].attrs.a: must be a text, a regular expression\n");
  CHECK(told(with_routing(R"({"rules": [{"port": 1, "outboundTag": "freedom", "muxPriority": 256}]})")) ==
        "routing.rules[0].muxPriority: is 256; it must be a whole number from 0 to 255\n");
  CHECK(told(with_routing(
            R"({"rules": [{"port": 1, "balancerTag": "b"}], "balancers": [{"tag": "", "selector": []}]})")) !=
        "");
  CHECK(told(with_routing(
            R"({"balancers": [{"tag": "b", "selector": ["f"]}, {"tag": "b", "selector": ["f"]}]})")) ==
        "routing.balancers[1].tag: is 'b'; it must be a name that no other balancer has\n");
}

TEST_CASE("config: policies", "[proxy][config]") {
  const auto policy = [](const std::string& levels) {
    return told(R"({"inbounds": [{"protocol": "socks", "listen": "::1", "port": 1}],
                        "outbounds": [{"protocol": "freedom"}], "policy": {"levels": )" +
                levels + "}}");
  };
  CHECK(policy(R"({"0": {"handshake": 0, "bufferSize": -1, "uplinkOnly": 0}})") ==
        "policy.levels.0.handshake: is 0; it must be a number of seconds from 1 to 3600\n");
  CHECK(policy(R"({"one": {}, "65536": {}})") ==
        "policy.levels.65536: there is no such level; it must be a whole number from 0 to 65535\n"
        "policy.levels.one: there is no such level; it must be a whole number from 0 to 65535\n");
}

TEST_CASE("config: FakeDNS needs an inbound for its queries, and one that uses its addresses",
          "[proxy][config]") {
  const auto fakes = [](const std::string& f, const std::string& sniffing = R"("fakedns")",
                        const std::string& outbound = "direct") {
    return told(R"({"inbounds": [{"protocol": "dns", "listen": "127.0.0.1", "port": 53},
                                 {"protocol": "socks", "listen": "127.0.0.1", "port": 1, "sniffing":
                                  {"enabled": true, "destOverride": [)" +
                sniffing + R"(]}}], "outbounds": [{"tag": ")" + outbound +
                R"(", "protocol": "freedom"}], "fakedns": )" + f + "}");
  };
  CHECK(fakes("{}") == "");
  CHECK(fakes("{}", R"("tls", "fakedns+others")") == "");
  CHECK(fakes(R"({"ipPool": ["198.18.0.0/15", "fc00::/18"], "poolSize": 10})") == "");
  CHECK(fakes(R"({"ipPool": "198.18.0.0/24"})") ==
        "fakedns.ipPool: is '198.18.0.0/24', it must have twice as many addresses as poolSize, which is "
        "65535\n");
  CHECK(fakes(R"({"ipPool": "nonsense"})") ==
        "fakedns.ipPool: is 'nonsense', it must be an IPv4 block such as 198.18.0.0/15\n");
  CHECK(fakes(R"({"ipPool": ["198.18.0.0/15", "10.0.0.0/8"]})") ==
        "fakedns.ipPool: has two blocks of one family; it may have one of IPv4 and one of IPv6\n");
  CHECK(fakes(R"({"poolSize": 0})") ==
        "fakedns.poolSize: is 0; it must be a whole number from 1 to 1048576\n");
  CHECK(fakes("{}", R"("tls")") ==
        "inbounds[0]: answers with addresses that no inbound turns into names again; one must have 'fakedns' "
        "in "
        "sniffing.destOverride\n");
  CHECK(fakes("{}", R"("fakedns")", "fakedns") ==
        "inbounds[0]: answers as the outbound 'fakedns'; no other one may have that tag\n");
  CHECK(told(R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 1}],
                 "outbounds": [{"protocol": "freedom"}], "fakedns": {}})") == "");
  CHECK(
      told(R"({"inbounds": [{"protocol": "dns", "port": 53, "sniffing": {}}, {"protocol": "socks", "port": 1,
                  "listen": "::1", "sniffing": {"enabled": true, "destOverride": "fakedns"}}],
                 "outbounds": [{"protocol": "freedom"}]})") ==
      "inbounds[0].sniffing: is not allowed; protocol dns does not sniff\n");
}

TEST_CASE("config: names have addresses, other names and servers", "[proxy][config]") {
  const auto dns = [](const std::string& d) {
    return told(R"({"inbounds": [{"protocol": "socks", "listen": "::1", "port": 1}],
                    "outbounds": [{"protocol": "freedom"}], "dns": )" +
                d + "}");
  };
  CHECK(dns("{}") == "");
  CHECK(dns(R"({"servers": ["localhost"], "hosts": {"a": "::1"}})") == "");
  CHECK(
      dns(R"({"servers": ["localhost", "1.1.1.1", "tcp://192.0.2.1:5353", {"address": "::1", "port": 5}]})") ==
      "");
  for (const char* server : {"https://192.0.2.1/dns-query", "https+local://dns.example.net", "h2c://a.net/q",
                             "dns.google", "tcp+local://a.net:54", "fakedns"})
    CHECK(dns(R"({"servers": [")" + std::string(server) + R"("]})").find("dns.servers") == std::string::npos);
  CHECK(dns(R"({"servers": ["1.1.1"]})")
            .starts_with("dns.servers[0]: has '1.1.1'; it must be localhost, fakedns"));
  CHECK(dns(R"({"servers": ["quic+local://1.1.1.1"]})") ==
        "dns.servers[0]: has 'quic+local://1.1.1.1': muxpro has no DNS over QUIC\n");
  CHECK(
      dns(R"({"queryStrategy": "UseIPv4", "servers": [{"address": "1.1.1.1", "queryStrategy": "UseIPv6"}]})") ==
      "dns.servers[0].queryStrategy: leaves no address, since that of dns is for the other family\n");
  CHECK(dns(R"({"clientIp": "a"})") == "dns.clientIp: is 'a'; it must be an IP address\n");
  CHECK(dns(R"({"hosts": {"a": "#9999"}})") ==
        "dns.hosts.a: is '#9999'; it must be an IP address, a name, or #RCODE\n");
  CHECK(dns(R"({"servers": [{"address": "1.1.1.1", "expectIPs": ["nonsense"]}]})")
            .starts_with("dns.servers: is 'nonsense', it must be an address"));
  for (const char* wrong : {"1", "[]", R"(["192.0.2.1", ["::1"]])", "{}"})
    CHECK(dns(R"({"hosts": {"a": )" + std::string(wrong) + "}}") ==
          "dns.hosts.a: it must be an IP address or a name, or a list of 1 to 64 of them\n");
  CHECK(dns(R"({"hosts": {"a": "b c"}})") ==
        "dns.hosts.a: is 'b c'; it must be an IP address, a name, or #RCODE\n");
  for (const char* name : {"domain:a", "keyword:b", "regexp:^a", "full:a"})
    CHECK(dns(R"({"hosts": {")" + std::string(name) + R"(": "::1"}})") == "");
  CHECK(dns(R"({"hosts": {"geosite:ads": "127.0.0.1"}})") ==
        "dns.hosts: is 'geosite:ads', and there is no file geosite.dat\n");
  CHECK_THAT(dns(R"({"host": {}})"), Catch::Matchers::ContainsSubstring("dns.host"));
}

TEST_CASE("config: a status page is for this machine", "[proxy][config]") {
  const auto with_metrics = [](const std::string& listen, const std::string& key = "metrics") {
    return R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 9}],
               "outbounds": [{"protocol": "freedom"}], ")" +
           key + R"(": {"listen": ")" + listen + "\"}}";
  };
  CHECK(told(with_metrics("127.0.0.1:1", "api")) == "");
  CHECK(told(with_metrics("0.0.0.0:1", "api")) == "");
  CHECK(told(with_metrics("localhost", "api")).find("api.listen: is 'localhost'; it must be") == 0);
  CHECK(told(with_metrics("127.0.0.1:1", R"(api": {"listen": "127.0.0.1:2", "services": ["StatsService"]},
                                            "metrics)")) == "");
  CHECK(told(with_metrics("127.0.0.1:1")) == "");
  CHECK(told(with_metrics("unix:/tmp/status")) == "");
  for (const char* listen : {"0.0.0.0:1", "192.0.2.1:1", "localhost:1", "127.0.0.1"})
    CHECK(told(with_metrics(listen)) ==
          "metrics.listen: is '" + std::string(listen) +
              "'; it must be a loopback address with a port, or unix:PATH: the page "
              "names users and targets\n");
}
