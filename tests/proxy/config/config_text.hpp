// A configuration as text, read as the program reads it.
#pragma once

#include "proxy/config/config.hpp"

#include <any>
#include <string>
#include <string_view>
#include <vector>

namespace test {

/// What was read for a protocol.
template <class Options, class Config>
const Options& options_of(const Config& c) {
  return std::any_cast<const Options&>(c.plan.options);
}

struct read_text {
  explicit read_text(std::string_view text) {
    muxpro::proxy::geo_files none;
    if (const auto root = muxpro::proxy::parse_json(text, mistakes))
      c = read_config(*root, muxpro::proxy::registry::global(), none, mistakes);
  }
  /// A line for each mistake.
  std::string all() const { return lines(mistakes.all()); }
  std::string notes() const { return lines(mistakes.notes()); }
  static std::string lines(const std::vector<muxpro::proxy::config_mistake>& all) {
    std::string out;
    for (const auto& m : all) out += m.path + ": " + m.sentence + "\n";
    return out;
  }

  muxpro::proxy::config_mistakes mistakes;
  muxpro::proxy::config c;
};

/// A configuration with this one inbound, or outbound.
inline std::string with_inbound(const std::string& i) {
  return R"({"inbounds": [)" + i + R"(], "outbounds": [{"protocol": "freedom"}]})";
}
inline std::string with_outbound(const std::string& o) {
  return R"({"inbounds": [{"protocol": "socks", "listen": "::1", "port": 1}], "outbounds": [)" + o + "]}";
}

/// All that there is.
inline constexpr std::string_view everything = R"({
  // As in V2Ray,
  "log": {"loglevel": "info", "error": "", "access": "/var/log/muxpro.access", "dnsLog": true}, /* with comments */
  "dns": {"hosts": {"A.example": "192.0.2.1", "full:b.example": ["192.0.2.2", "2001:db8::2"]}, "servers": ["localhost"]},
  "fakedns": {"ipPool": "198.18.0.0/15", "poolSize": 1000},
  "metrics": {"listen": "127.0.0.1:8080"},
  "api": {"tag": "api", "listen": "127.0.0.1:8082", "services": ["HandlerService", "StatsService"]},
  "inbounds": [
    {"tag": "local", "protocol": "socks", "listen": "127.0.0.1", "port": 1080,
     "settings": {"auth": "noauth", "udp": false, "userLevel": 1},
     "sniffing": {"enabled": true, "destOverride": ["http", "tls", "fakedns"], "domainsExcluded": ["full:a.example"],
                  "ipsExcluded": ["10.0.0.0/8"], "portsExcluded": "25", "metadataOnly": false,
                  "routeOnly": true}},
    {"tag": "far", "protocol": "socks", "listen": "::", "port": "1081",
     "settings": {"auth": "password", "accounts": [{"user": "alice", "pass": "secret"}], "mainConnections": true}},
    {"tag": "file", "protocol": "socks", "listen": "/run/muxpro.sock"},
    {"tag": "sure", "protocol": "socks", "port": 1082,
     "streamSettings": {"network": "raw", "security": "tls",
       "tlsSettings": {"alpn": "h2,mux", "minVersion": "1.3",
         "certificates": [{"certificateFile": "a.pem", "keyFile": "a.key"},
                          {"certificateFile": "ca.pem", "usage": "verify"}]},
       "sockopt": {"tcpNoDelay": true, "tcpFastOpen": true, "tcpKeepAliveIdle": 60,
                   "tcpKeepAliveInterval": 10,
                   "tcpUserTimeout": 10000}}},
    {"tag": "open", "protocol": "socks", "port": 1083, "openToAll": true},
    {"tag": "door", "protocol": "dokodemo-door", "listen": "127.0.0.1", "port": 1084,
     "settings": {"address": "192.0.2.53", "port": 53, "network": "tcp,udp", "followRedirect": false}},
    {"tag": "names", "protocol": "dns", "listen": "127.0.0.1", "port": 53}
  ],
  "outbounds": [
    {"tag": "server", "protocol": "mux.pro", "settings": {"address": "proxy.example", "port": 9527},
     "streamSettings": {"security": "tls", "tlsSettings": {"serverName": "other.example",
       "pinnedPeerCertSha256": ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]}},
     "mux": {"enabled": true, "protocol": "mux.pro", "concurrency": 16, "maxConnections": 4, "priority": 9}},
    {"tag": "direct", "protocol": "freedom", "settings": {"domainStrategy": "UseIPv4", "allowPrivate": true,
     "refusedUdpPorts": "19,1900"}},
    {"protocol": "blackhole", "settings": {"response": {"type": "none"}}},
    {"tag": "relay", "protocol": "socks",
     "settings": {"servers": [{"address": "192.0.2.7", "port": 1080,
                               "users": [{"user": "alice", "pass": "secret"}]}]},
     "mux": {"enabled": true, "concurrency": 3, "priority": 5}}
  ],
  "routing": {
    "domainStrategy": "IPIfNonMatch",
    "rules": [
      {"type": "field", "domain": ["full:a.example", "keyword:ads"], "outboundTag": "blackhole"},
      {"ip": "10.0.0.0/8,!10.1.0.0/16", "port": "53,1000-2000", "network": ["tcp", "udp"],
       "source": ["192.0.2.0/24"], "sourcePort": 7, "inboundTag": ["local"], "user": ["alice"],
       "protocol": ["http"], "attrs": {":method": "GET"}, "ruleTag": "x", "balancerTag": "any", "muxPriority": 200}
    ],
    "balancers": [{"tag": "any", "selector": ["ser", "dir"], "strategy": {"type": "leastLoad"},
                   "fallbackTag": "direct"}]
  },
  "policy": {
    "levels": {"0": {"handshake": 4, "connIdle": 100, "uplinkOnly": 3, "downlinkOnly": 7, "bufferSize": 16,
                     "statsUserUplink": true},
               "1": {"connIdle": 1.5, "bufferSize": 512}},
    "system": {"statsInboundUplink": true}
  },
  "stats": {}
})";

}  // namespace test
