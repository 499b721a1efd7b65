// Servers and clients whose outbounds go through others, from configurations.
#pragma once

#include "configured.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace chain_test {

using namespace configured_test;

/// Lines about connections of a proxy.
struct lines {
  log_sink sink() {
    return [this](log_level, std::string_view line) {
      const std::lock_guard lock(change);
      all += std::string(line) + "\n";
    };
  }
  bool has(const std::string& part) {
    const std::lock_guard lock(change);
    return all.find(part) != std::string::npos;
  }
  std::mutex change;
  std::string all;
};

struct hop {
  std::string protocol, of_server, of_client;
};
inline const hop socks_hop{"socks", R"({"udp": true, "accounts": [{"user": "a", "pass": "b"}]})",
                           R"(, "user": "a", "pass": "b")"},
    http_hop{"http", R"({"accounts": [{"user": "a", "pass": "b"}]})", R"(, "user": "a", "pass": "b")"},
    vless_hop{"vless", R"({"decryption": "none", "clients": [{"id": "alice"}]})",
              R"(, "id": "alice", "encryption": "none")"},
    trojan_hop{"trojan", R"({"clients": [{"password": "alice"}]})", R"(, "password": "alice")"},
    vmess_hop{"vmess", R"({"clients": [{"id": "alice"}]})", R"(, "id": "alice")"},
    shadowsocks_hop{"shadowsocks", R"({"method": "aes-128-gcm", "password": "x", "network": "tcp,udp"})",
                    R"(, "method": "aes-128-gcm", "password": "x")"};

inline std::unique_ptr<configured_proxy> server_of(const hop& h, lines& log, const std::string& stream = "") {
  auto p = made(R"({"log": {}, "inbounds": [{"protocol": ")" + h.protocol +
                    R"(", "listen": "127.0.0.1", "port": 0, )" + R"("settings": )" + h.of_server + stream +
                    R"(}], "outbounds": [{"protocol": "freedom", "settings": {"allowPrivate": true}}]})",
                log.sink());
  p->start();
  return p;
}

inline std::string outbound_to(const hop& h, const std::string& tag, std::uint16_t port,
                               const std::string& more = "") {
  return fmt::format(
      R"({{"tag": "{}", "protocol": "{}", "settings": {{"address": "127.0.0.1", "port": {}{}}}{}}})", tag,
      h.protocol, port, h.of_client, more);
}
inline std::string through(const std::string& tag, const std::string& more = "") {
  return R"(, "streamSettings": {"sockopt": {"dialerProxy": ")" + tag + "\"}" + more + "}";
}

/// A SOCKS listener, and a door that leads datagrams to a place.
inline std::unique_ptr<configured_proxy> client_of(const std::string& outbounds, std::uint16_t udp_port = 1,
                                                   log_sink log = {}) {
  auto p = made(fmt::format(R"({{"log": {{}}, "inbounds": [
        {{"protocol": "socks", "listen": "127.0.0.1", "port": 0}},
        {{"protocol": "dokodemo-door", "listen": "127.0.0.1", "port": 0,
          "settings": {{"address": "127.0.0.1", "port": {}, "network": "udp"}}}}], "outbounds": [{}]}})",
                            udp_port, outbounds),
                std::move(log));
  p->start();
  return p;
}

inline std::string to_log(std::uint16_t port) { return fmt::format("tcp:127.0.0.1:{} ", port); }

/// Keys of streamSettings for TLS.
inline std::string tls_of_server(const test::certificates& known) {
  return fmt::format(
      R"(, "security": "tls", "tlsSettings": {{"certificates": [{{"certificateFile": "{}", "keyFile": "{}"}}]}})",
      known.server.certificate_file, known.server.key_file);
}
inline std::string tls_of_client(const test::certificates& known) {
  return fmt::format(
      R"(, "security": "tls", "tlsSettings": {{"serverName": "server.example",
         "certificates": [{{"certificateFile": "{}", "usage": "verify"}}]}})",
      known.ca.certificate_file);
}
/// streamSettings with these further keys.
inline std::string stream(const std::string& more) {
  return R"(, "streamSettings": {"sockopt": {})" + more + "}";
}

}  // namespace chain_test
