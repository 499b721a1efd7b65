#include "proxy/config/known_names.hpp"

#include <muxpro/proxy/settings.hpp>

#include <algorithm>
#include <cstdint>

namespace muxpro::proxy {

namespace {

/// Why a key has two names.
enum class renamed : std::uint8_t { no, to_other, from_other };

/// `object` is the end of a path without indices. Empty for the whole configuration.
struct key_name {
  std::string_view object, key, other;
  renamed how = renamed::no;
};

// Xray of 2026 (infra/conf) reads both names of each pair.
constexpr key_name keys_with_two_names[] = {
    {"", "fakedns", "fakeDns"},
    {"inbounds.settings", "clients", "users", renamed::to_other},
    {"inbounds.settings", "accounts", "users", renamed::to_other},
    {"inbounds.settings", "address", "rewriteAddress", renamed::to_other},
    {"inbounds.settings", "port", "rewritePort", renamed::to_other},
    {"inbounds.settings", "network", "allowedNetwork", renamed::to_other},
    {"outbounds.settings", "domainStrategy", "targetStrategy", renamed::to_other},
    {"outbounds.settings", "rewriteNetwork", "network"},
    {"outbounds.settings", "rewriteAddress", "address"},
    {"outbounds.settings", "rewritePort", "port"},
    {"streamSettings", "network", "method", renamed::to_other},
    {"tlsSettings", "verifyPeerCertByName", "verifyPeerCertInNames"},
    {"streamSettings", "tcpSettings", "rawSettings", renamed::to_other},
    {"streamSettings", "xhttpSettings", "splithttpSettings", renamed::from_other},
    {"xhttpSettings", "sessionIDPlacement", "sessionPlacement"},
    {"extra", "sessionIDPlacement", "sessionPlacement"},
    {"xhttpSettings", "sessionIDKey", "sessionKey"},
    {"extra", "sessionIDKey", "sessionKey"},
    {"realitySettings", "target", "dest", renamed::from_other},
    {"realitySettings", "publicKey", "password", renamed::to_other},
    {"sockopt", "tcpCongestion", "tcpcongestion"},
    {"sockopt", "tcpMptcp", "tcpMptcpEnabled"},
    {"observatory", "probeUrl", "probeURL"},
    {"dns", "clientIp", "clientIP"},
    {"dns.servers", "clientIp", "clientIP"},
    {"dns.servers", "expectIPs", "expectedIPs", renamed::to_other},
    {"routing.rules", "domain", "domains"},
    {"routing.rules", "source", "sourceIP", renamed::to_other},
};

struct usual_and_other {
  std::string_view usual, other;
};

constexpr usual_and_other parts_with_two_names[] = {
    {"dokodemo-door", "tunnel"}, {"freedom", "direct"},  {"blackhole", "block"}, {"tcp", "raw"},
    {"ws", "websocket"},         {"xhttp", "splithttp"}, {"kcp", "mkcp"},        {"grpc", "gun"},
};

struct not_had {
  std::string_view place;  ///< of a value its key, of a key its object
  std::string_view name, what;
};

constexpr std::string_view removed_h2 =
    "HTTP/2 transport, and Xray has removed it; xhttp and grpc took its place";
constexpr std::string_view removed_quic = "QUIC transport, and Xray has removed it";

constexpr std::string_view removed_flow =
    "such flow, and Xray has removed it; xtls-rprx-vision took its place";
constexpr std::string_view older_form =
    "form of V2Ray before version 4; inbounds and outbounds have all of them";

// A client that left out such a check would trust servers that its operator does not.
constexpr std::string_view pin_of_another_kind = "pin of that kind; pinnedPeerCertSha256 pins certificates";

constexpr not_had values_not_had[] = {
    {"protocol", "wireguard", "WireGuard"},
    {"protocol", "tun", "TUN"},
    {"protocol", "hysteria", "Hysteria"},
    {"protocol", "hysteria2", "Hysteria"},
    {"protocol", "loopback", "loopback outbound"},
    {"protocol", "mtproto", "MTProto, and Xray has removed it"},
    {"network", "kcp", "mKCP"},
    {"network", "mkcp", "mKCP"},
    {"network", "hysteria", "Hysteria"},
    {"network", "h2", removed_h2},
    {"network", "h3", removed_h2},
    {"network", "http", removed_h2},
    {"network", "quic", removed_quic},
    {"network", "domainsocket",
     "transport domainsocket, and Xray has removed it; \"listen\": \"/PATH\" listens on one"},
    {"flow", "xtls-rprx-origin", removed_flow},
    {"flow", "xtls-rprx-origin-udp443", removed_flow},
    {"flow", "xtls-rprx-direct", removed_flow},
    {"flow", "xtls-rprx-direct-udp443", removed_flow},
    {"flow", "xtls-rprx-splice", removed_flow},
    {"flow", "xtls-rprx-splice-udp443", removed_flow},
    {"sendThrough", "origin", "sendThrough that follows the client's connection"},
    {"sendThrough", "srcip", "sendThrough that follows the client's connection"},
    {"usage", "issue", "authority that signs certificates when clients connect"},
    {"security", "xtls",
     "security xtls, and Xray has removed it; flow xtls-rprx-vision over tls took its place"},
};

constexpr not_had keys_not_had[] = {
    {"", "reverse", "reverse proxy"},
    {"", "transport",
     "transport settings for all connections, and Xray has removed them; streamSettings has them"},
    {"", "inbound", older_form},
    {"", "inboundDetour", older_form},
    {"", "outbound", older_form},
    {"", "outboundDetour", older_form},
    {"", "browserForwarder", "browser forwarder"},
    {"", "multiObservatory", "observatories with tags"},
    {"", "env", "env"},
    {"", "geodata", "updates of geodata"},
    {"settings.users", "reverse", "reverse proxy"},
    {"settings.clients", "reverse", "reverse proxy"},
    {"outbounds.settings", "reverse", "reverse proxy"},
    {"outbounds.settings", "noises", "noises"},
    {"outbounds.settings", "noise", "noises"},
    {"streamSettings", "finalmask", "finalmask"},
    {"streamSettings", "udpmasks", "finalmask"},
    {"tlsSettings", "pinnedPeerCertificateChainSha256", pin_of_another_kind},
    {"tlsSettings", "pinnedPeerCertificatePublicKeySha256", pin_of_another_kind},
    {"tlsSettings", "verifyClientCertificate", "certificates of clients in a configuration"},
    {"sockopt", "customSockopt", "options of sockets by number"},
    {"sockopt", "addressPortStrategy", "servers by SRV and TXT records"},
    {"routing.rules", "webhook", "webhook"},
    {"routing.rules", "localOS", "localOS"},
};

bool ends_with_name(std::string_view path, std::string_view name) {
  return path.size() >= name.size() && same_word(path.substr(path.size() - name.size()), name);
}

}  // namespace

std::vector<std::string_view> without_empty(std::vector<std::string_view> names) {
  std::erase(names, std::string_view());
  return names;
}

bool is_object(std::string_view path, std::string_view wanted) {
  if (wanted.empty()) return path.empty();
  while (!wanted.empty()) {
    if (path.ends_with(']')) path = path.substr(0, path.rfind('['));
    const auto name = wanted.substr(wanted.rfind('.') + 1);
    if (!ends_with_name(path, name)) return false;
    path.remove_suffix(name.size());
    wanted.remove_suffix(std::min(name.size() + 1, wanted.size()));
    if (!path.empty() && path.back() != '.') return false;
    if (!path.empty()) path.remove_suffix(1);
  }
  return true;
}

std::vector<std::string_view> other_names(std::string_view path, std::string_view key) {
  std::vector<std::string_view> out;
  for (const key_name& k : keys_with_two_names)
    if (k.key == key && is_object(path, k.object)) out.push_back(k.other);
  return out;
}

std::vector<renamed_key> renamed_keys(std::string_view path) {
  std::vector<renamed_key> out;
  for (const key_name& k : keys_with_two_names)
    if (k.how != renamed::no && is_object(path, k.object))
      out.push_back(k.how == renamed::to_other ? renamed_key{k.key, k.other} : renamed_key{k.other, k.key});
  return out;
}

bool has_newer_name(std::string_view usual) {
  constexpr std::string_view renamed[] = {"dokodemo-door", "freedom", "blackhole", "tcp"};
  return std::find(std::begin(renamed), std::end(renamed), usual) != std::end(renamed);
}

std::string_view usual_name(std::string_view name) {
  for (const auto& n : parts_with_two_names)
    if (same_word(n.other, name)) return n.usual;
  return name;
}

std::vector<std::string_view> names_beside(std::string_view usual) {
  std::vector<std::string_view> out;
  for (const auto& n : parts_with_two_names)
    if (n.usual == usual) out.push_back(n.other);
  return out;
}

std::string_view not_had_value(std::string_view key, std::string_view value) {
  for (const not_had& n : values_not_had)
    if (n.place == key && same_word(n.name, value)) return n.what;
  return {};
}

std::string_view not_had_key(std::string_view path, std::string_view key) {
  for (const not_had& n : keys_not_had)
    if (same_word(n.name, key) && is_object(path, n.place)) return n.what;
  return {};
}

}  // namespace muxpro::proxy
