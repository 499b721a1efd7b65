// What Xray takes and other programs write: names old and new, keys without effect, parts that muxpro does
// not have, and what is left out.
#include "catch.hpp"
#include "config_text.hpp"

#include "proxy/config/known_names.hpp"
#include "proxy/inbound/dokodemo.hpp"
#include "proxy/outbound/freedom.hpp"
#include "proxy/transport/tls.hpp"

#include <string>
#include <string_view>

namespace config_leniences {

using namespace muxpro::proxy;
using test::options_of;
using test::read_text;
using test::with_inbound;
using test::with_outbound;

TEST_CASE("config: without listen and without accounts an inbound serves this machine", "[proxy][config]") {
  const auto at = [](const std::string& i, const std::string& note) {
    const read_text r(with_inbound(i));
    CHECK(r.all() == "");
    CHECK(r.notes().substr(0, note.size()) == note);
    CHECK(r.notes().empty() == note.empty());
    return to_string(r.c.inbounds.at(0).at);
  };
  const std::string note =
      "inbounds[0].listen: is left out, and clients need no account: it listens on 127.0.0.1";
  CHECK(at(R"({"protocol": "socks", "port": 1})", note) == "127.0.0.1:1");
  CHECK(at(R"({"protocol": "http", "port": 1})", note) == "127.0.0.1:1");
  CHECK(at(R"({"protocol": "dokodemo-door", "port": 1, "settings": {"address": "a", "port": 2}})", note) ==
        "127.0.0.1:1");
  CHECK(at(R"({"protocol": "dokodemo-door", "port": 1, "settings": {"followRedirect": true}})", "") ==
        "0.0.0.0:1");
  CHECK(at(R"({"protocol": "socks", "port": 1, "openToAll": true})", "") == "0.0.0.0:1");
  CHECK(at(R"({"protocol": "http", "port": 1, "settings": {"accounts": [{"user": "a", "pass": "b"}]}})",
           "") == "0.0.0.0:1");
}

TEST_CASE("config: the newer names of Xray beside the older ones", "[proxy][config]") {
  const read_text door(with_inbound(R"({"protocol": "tunnel", "listen": "::1", "port": 1, "settings":
      {"rewriteAddress": "192.0.2.1", "rewritePort": 53, "allowedNetwork": "tcp,udp"}})"));
  CHECK(door.all() + door.notes() == "");
  CHECK(door.c.inbounds.at(0).protocol == "dokodemo-door");
  CHECK(door.c.inbounds.at(0).plan.udp);
  CHECK(options_of<dokodemo_inbound_options>(door.c.inbounds.at(0)).target->port == 53);
  const read_text out(
      with_outbound(R"({"tag": "d", "protocol": "direct", "settings": {"targetStrategy": "UseIPv6v4"}},
      {"tag": "b", "protocol": "block"}, {"tag": "s", "protocol": "socks", "settings": {"address": "a.example",
       "port": 1, "user": "a", "pass": "b"}, "streamSettings": {"method": "raw", "rawSettings": {}}})"));
  CHECK(out.all() + out.notes() == "");
  CHECK(out.c.outbounds.at(0).protocol == "freedom");
  CHECK(options_of<freedom_options>(out.c.outbounds.at(0)).dial.family == dial_family::ipv6);
  CHECK(out.c.outbounds.at(1).protocol == "blackhole");
  CHECK(out.c.outbounds.at(2).plan.server->at.port == 1);
  const read_text users(with_inbound(R"({"protocol": "http", "port": 1, "settings": {"users":
      [{"user": "a", "pass": "b"}]}})"));
  CHECK(users.all() == "");
  CHECK(users.c.inbounds.at(0).plan.authenticates);
  CHECK(
      read_text(with_inbound(R"({"protocol": "http", "port": 1, "settings": {"users": [], "accounts": []}})"))
          .all() == "inbounds[0].settings.users: is used together with accounts, which means the same\n");
  // Mistakes have the name that was written.
  CHECK(read_text(with_inbound(R"({"protocol": "tunnel", "port": 1, "settings": {"rewriteAddress": "a b"}})"))
            .all() == "inbounds[0].settings.rewriteAddress: is 'a b'; it must be a name or an IP address\n");
}

TEST_CASE("config: keys without effect are notes, other unknown ones are mistakes", "[proxy][config]") {
  const std::string text =
      R"({"remarks": "home", "_comment": 1, "version": {"min": "1"}, "inbounds": [{"protocol": "http",
          "listen": "::1", "port": 1, "settings": {"auth": "noauth", "udp": true, "allowTransparent": false}}],
          "outbounds": [{"protocol": "freedom", "remarks": "x"}], "routing": {"strategy": "rules", "rules":
          [{"id": "7", "enabled": true, "port": 80, "outboundTag": "freedom"}]}})";
  const read_text r(text);
  CHECK(r.all() == "");
  CHECK(r.mistakes.notes().size() == 10);
  CHECK(r.notes().find("routing.rules[0].id: has no effect\n") != std::string::npos);
  CHECK(read_text(with_outbound(R"({"protocol": "freedom", "settings": {"userlevel2": 1}})")).all() ==
        "outbounds[0].settings.userlevel2: there is no such key; did you mean 'userLevel'?\n");
  config_mistakes lenient(unknown_keys::notes);
  geo_files none;
  const auto root = parse_json(with_outbound(R"({"protocol": "freedom", "qqqq": 1})"), lenient);
  read_config(*root, registry::global(), none, lenient);
  CHECK(lenient.empty());
  CHECK(read_text::lines(lenient.notes()) == "outbounds[0].qqqq: there is no such key; it has no effect\n");
}

TEST_CASE("config: an unsupported part is reported once, and the rest is read", "[proxy][config]") {
  CHECK(read_text(with_inbound(R"({"tag": "t", "protocol": "tun", "settings": {"name": "tun0", "MTU": 1500},
                              "sniffing": {"enabled": 1}})"))
            .all() ==
        "inbounds[0].protocol: is 'tun'; muxpro has no TUN\n"
        "inbounds[0].sniffing.enabled: is 1; it must be true or false\n");
  CHECK(read_text(with_outbound(
                      R"({"protocol": "wireguard", "settings": {"secretKey": "x"}, "streamSettings": {}})"))
            .all() == "outbounds[0].protocol: is 'wireguard'; muxpro has no WireGuard\n");
  CHECK(read_text(with_outbound(R"({"protocol": "freedom", "settings": {"noises": [{"type": "rand"}]}})"))
            .all() == "outbounds[0].settings.noises: is not supported; muxpro has no noises\n");
  const std::string kcp = R"({"protocol": "socks", "settings": {"address": "192.168.0.1", "port": 1},
      "streamSettings": {"network": "kcp", "kcpSettings": {"mtu": 1350}}})";
  CHECK(read_text(with_outbound(kcp)).all() ==
        "outbounds[0].streamSettings.network: is 'kcp'; muxpro has no mKCP\n");
  const read_text unused(
      with_outbound(R"({"protocol": "socks", "settings": {"address": "192.168.0.1", "port": 1},
      "streamSettings": {"network": "", "security": "", "kcpSettings": {"mtu": 1}, "quicSettings": null}})"));
  CHECK(unused.all() == "");
  CHECK(unused.notes().starts_with("outbounds[0].streamSettings.kcpSettings: has no effect"));
}

TEST_CASE("config: the table of names", "[proxy][config]") {
  using names = std::vector<std::string_view>;
  CHECK(other_names("inbounds[3].settings", "clients") == names{"users"});
  CHECK(other_names("outbounds[3].settings", "clients").empty());
  CHECK(other_names("outbounds[0].streamSettings", "network") == names{"method"});
  CHECK(other_names("x.outbounds[0].streamSettingsx", "network").empty());
  CHECK(other_names("", "fakedns") == names{"fakeDns"});
  CHECK(usual_name("Tunnel") == "dokodemo-door");
  CHECK(usual_name("socks") == "socks");
  CHECK(not_had_value("network", "QUIC").starts_with("QUIC transport"));
  CHECK(not_had_value("protocol", "socks").empty());
  CHECK(is_without_effect("inbounds[0].settings.clients[7]", "subId"));
  CHECK_FALSE(is_without_effect("inbounds[0]", "subId"));
  CHECK(is_without_effect("anything", "_x"));
}

TEST_CASE("config: keys of TLS", "[proxy][config]") {
  const auto server = [](const std::string& more) {
    return read_text(
        with_inbound(R"({"protocol": "socks", "listen": "::1", "port": 1, "streamSettings": {"security":
        "tls", "tlsSettings": {"certificates": [{"certificateFile": "a.pem", "keyFile": "a.key"}])" +
                     more + "}}}"));
  };
  CHECK(server("").all() == "");
  CHECK(server(R"(, "minVersion": "1.2", "maxVersion": "1.3", "rejectUnknownSni": true,
      "cipherSuites": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:TLS_AES_128_GCM_SHA256",
      "curvePreferences": ["X25519", "CurveP256", "X25519MLKEM768"], "masterKeyLog": "keys")")
            .all() == "");
  CHECK(server(R"(, "cipherSuites": "TLS_NONE")").all().find("which is not a cipher suite of OpenSSL") !=
        std::string::npos);
  CHECK(server(R"(, "minVersion": "1.0", "echServerKeys": "x", "serverName": "y")").mistakes.notes().size() ==
        3);
  const read_text client(
      with_outbound(R"({"protocol": "mux.pro", "settings": {"address": "a.example", "port": 1},
      "streamSettings": {"security": "tls", "tlsSettings": {"fingerprint": "chrome", "allowInsecure": true,
      "verifyPeerCertByName": "b.example,c.example", "disableSystemRoot": true}}})"));
  CHECK(client.all() == "");
  CHECK(client.mistakes.notes().size() == 2);
  const std::string copies = ": is fromMitM; muxpro has no TLS that copies that of a client\n",
                    at = "outbounds[0].streamSettings.tlsSettings.";
  CHECK(read_text(with_outbound(R"({"protocol": "mux.pro", "settings": {"address": "a.example", "port": 1},
      "streamSettings": {"security": "tls", "tlsSettings": {"serverName": "fromMitM", "alpn": ["fromMitM"]}}})"))
            .all() == at + "serverName" + copies + at + "alpn" + copies);
  const read_text of_proxies(
      with_outbound(R"({"protocol": "mux.pro", "settings": {"address": "a.example", "port": 1},
      "streamSettings": {"sockopt": {"acceptProxyProtocol": false, "trustedXForwardedFor": []}}})"));
  CHECK(of_proxies.all() == "");
  CHECK(of_proxies.mistakes.notes().size() == 2);
  CHECK(read_text(
            with_inbound(R"({"protocol": "socks", "listen": "::1", "port": 1, "streamSettings": {"security":
        "tls", "tlsSettings": {"certificates": [{"certificate": ["x"], "key": ["-----BEGIN PRIVATE KEY-----"]}]}}})"))
            .all() ==
        "inbounds[0].streamSettings.tlsSettings.certificates[0].certificate: must be the lines of a "
        "PEM file, from -----BEGIN on\n");
}

TEST_CASE("config: freedom as Xray has it", "[proxy][config]") {
  const read_text r(
      with_outbound(R"({"protocol": "freedom", "settings": {"domainStrategy": "forceipv4", "userLevel": 0,
      "redirect": "127.0.0.1:8080", "proxyProtocol": 2, "fragment": {"packets": "tlshello", "length": "80-160",
      "interval": "5-10"}, "finalRules": [{"action": "block", "ip": ["geoip:private"]}]}})"));
  CHECK(r.all() == "");
  const auto& o = options_of<freedom_options>(r.c.outbounds.at(0));
  CHECK(o.dial.family == dial_family::only_ipv4);
  CHECK(o.redirect == muxpro::host_port("127.0.0.1", 8080));
  CHECK(o.proxy_header == 2);
  REQUIRE(o.fragment);
  CHECK(o.fragment->bytes == number_range{80, 160});
  REQUIRE(o.dial.final);
  using muxpro::network;
  CHECK(o.dial.final->decide(network::tcp, asio::ip::make_address("10.1.2.3"), 80) == false);
  CHECK_FALSE(o.dial.final->decide(network::tcp, asio::ip::make_address("8.8.8.8"), 80));
  const auto mistake = [](const std::string& settings) {
    return read_text(with_outbound(R"({"protocol": "freedom", "settings": {)" + settings + "}}")).all();
  };
  CHECK(mistake(R"("redirect": "host")").find("it must be HOST:PORT") != std::string::npos);
  CHECK(mistake(R"("redirect": ":80")") == "");
  CHECK(mistake(R"("fragment": {"length": "0-10"})").find("must not be 0") != std::string::npos);
  CHECK(mistake(R"("fragment": {"length": "9-3"})").find("it must be a number up to") != std::string::npos);
  CHECK(mistake(R"("finalRules": [{"ip": ["10.0.0.0/8"]}])").find("action: is missing") != std::string::npos);
}

TEST_CASE("config: outbounds http and dns, api, observatory", "[proxy][config]") {
  const read_text r(
      R"({"inbounds": [{"tag": "api-in", "protocol": "dokodemo-door", "listen": "127.0.0.1", "port": 1,
      "settings": {"address": "127.0.0.1"}}], "outbounds": [{"protocol": "freedom"}, {"protocol": "dns"},
      {"tag": "corp", "protocol": "http", "settings": {"servers": [{"address": "proxy.example", "port": 3128,
       "users": [{"user": "a", "pass": "b"}]}]}}], "api": {"tag": "api", "services": ["StatsService"]},
      "observatory": {"subjectSelector": ["corp"], "probeURL": "http://x.example/204", "probeInterval": "1m"},
      "routing": {"balancers": [{"tag": "fast", "selector": ["corp"], "strategy": {"type": "leastPing"}}],
      "rules": [{"inboundTag": ["api-in"], "outboundTag": "api"}, {"port": 53, "balancerTag": "fast"}]}})");
  CHECK(r.all() == "");
  CHECK(r.c.page_tags.empty());
  REQUIRE(r.c.api);
  CHECK(r.c.api->tag == "api");
  CHECK(r.c.api->has("StatsService"));
  CHECK_FALSE(r.c.written);
  REQUIRE(r.c.observed);
  CHECK(to_string(r.c.observed->at) == "x.example:80");
  CHECK(r.c.observed->path == "/204");
  CHECK(r.c.observed->interval == std::chrono::minutes(1));
  CHECK(to_string(r.c.outbounds.at(2).plan.server.value()) == "proxy.example:3128");
}

TEST_CASE("config: trustedXForwardedFor has no effect on a carrier without HTTP", "[proxy][config]") {
  const auto notes = [](const std::string& network) {
    const read_text r(with_inbound(R"({"protocol": "socks", "listen": "127.0.0.1", "port": 1,
        "streamSettings": {"network": ")" +
                                   network + R"(", "sockopt": {"trustedXForwardedFor": ["X-Real"]}}})"));
    CHECK(r.all() == "");
    return r.notes();
  };
  CHECK(notes("raw") ==
        "inbounds[0].streamSettings.sockopt.trustedXForwardedFor: has no effect: network is not ws, "
        "httpupgrade, grpc or xhttp\n");
  for (const char* const network : {"ws", "httpupgrade", "grpc", "xhttp"}) CHECK(notes(network) == "");
}

TEST_CASE("config: heads of HTTP in front of the raw carrier", "[proxy][config]") {
  const auto mistakes = [](const std::string& header) {
    const std::string whole = R"({"protocol": "socks", "settings": {"address": "a.example", "port": 1},
        "streamSettings": {"network": "tcp", "tcpSettings": {"header": )" +
                              header + "}}}";
    return read_text(with_outbound(whole)).all();
  };
  CHECK(mistakes(R"({"type": "none"})") == "");
  CHECK(mistakes(R"({"type": "http"})") == "");
  const std::string request = R"({"version": "1.1", "method": "GET", "path": ["/", "/a"],
      "headers": {"Host": ["a.example"], "User-Agent": ["A (x; y) z", "B"], "Pragma": "no-cache"}})";
  const std::string answer = R"({"version": "1.1", "status": "200", "reason": "OK",
      "headers": {"Content-Type": ["video/mpeg"]}})";
  CHECK(mistakes(R"({"type": "http", "request": )" + request + R"(, "response": )" + answer + "}") == "");
  const std::string at = "outbounds[0].streamSettings.tcpSettings.header.";
  CHECK(mistakes(R"({"type": "http", "request": {"path": ["a"]}})") ==
        at + "request.path: has 'a'; a path begins with a slash and has no spaces\n");
  CHECK(mistakes(R"({"type": "http", "request": {"headers": {"A b": "c"}}})") ==
        at + "request.headers: has 'A b', which is not a field name\n");
  CHECK(mistakes(R"({"type": "http", "request": {"headers": {"A": ["b\r\nC: d"]}}})") ==
        at + "request.headers: has for 'A' a value that is not a text of one line\n");
  CHECK(mistakes(R"({"type": "http", "response": {"status": "20"}})") ==
        at + "response.status: is '20'; it must be a number of three digits\n");
  CHECK(mistakes(R"({"type": "http", "request": {"method": "GET /"}})") ==
        at + "request.method: is 'GET /'; it must be a word without spaces\n");
}

}  // namespace config_leniences
