#include "proxy/config/known_names.hpp"

#include <muxpro/proxy/settings.hpp>

#include <algorithm>
#include <iterator>

namespace muxpro::proxy {

namespace {

struct ignored_keys {
  std::string_view object;  ///< as is_object() takes it
  std::string_view keys;    ///< with blanks between them
};

// What Xray reads nowhere, or not there, and V2Ray, older versions, clients and panels (v2rayN, 3x-ui,
// Marzban) write.
constexpr ignored_keys ignored[] = {
    {"", "version"},
    {"inbounds", "allocate domainOverride mux up down total userId clientStats"},
    {"inbounds.settings",
     "allowTransparent auth default detour disableInsecureEncryption ip timeout udp ivCheck ota address "
     "clients "
     "accounts users method password network userLevel fallbacks decryption encryption selectedAuth "
     "testseed"},
    {"outbounds", "allocate"},
    {"outbounds.settings", "timeout vnext servers response network"},
    {"vnext", "ota"},
    {"servers", "users"},
    {"streamSettings", "externalProxy"},
    {"sockopt", "tcpFastOpenQueueLength bindToDevice rxBufSize txBufSize forceBufSize"},
    {"tlsSettings",
     "allowInsecureCiphers settings preferServerCipherSuites verifyPeerCertByName disableSystemRoot "
     "rejectUnknownSni show publicKey shortId spiderX"},
    {"certificates", "buildChain useFile"},
    {"realitySettings",
     "settings minClient maxClient publicKey password fingerprint serverName shortId spiderX mldsa65Verify "
     "mldsa65Seed target dest type xver serverNames shortIds allowInsecure alpn certificates"},
    {"tcpSettings", "connectionReuse"},
    {"wsSettings", "connectionReuse maxEarlyData earlyDataHeaderName useBrowserForwarding ed"},
    {"httpupgradeSettings", "ed"},
    {"grpcSettings", "acceptProxyProtocol host path"},
    {"xhttpSettings", "acceptProxyProtocol enableXmux keepAlivePeriod scMaxConcurrentPosts"},
    {"extra", "enableXmux keepAlivePeriod scMaxConcurrentPosts"},
    {"xmux", "cMaxLifetimeMs hMaxConcurrency"},
    {"routing", "settings strategy"},
    {"routing.rules", "ruleType locked"},
    {"dns", "cacheStrategy"},
    {"dns.servers", "cacheStrategy concurrency fakedns fallbackStrategy priority"},
    {"policy.system", "overrideAccessLogDest"},
    {"mux", "padding packetEncoding"},
};

/// Where users and their servers stand.
constexpr std::string_view places_of_users[] = {"clients", "users",   "accounts",
                                                "vnext",   "servers", "outbounds.settings"};
constexpr std::string_view keys_of_users =
    "alterId comment created_at encryption enable expiryTime experiments flow ivCheck limitIp method ota "
    "password reset security seed subId testpre testseed testsEnabled tgId totalGB uot UoTVersion updated_at";

constexpr std::string_view keys_of_any_object =
    "comment comments description domainMatcher email enable enabled id level ps remark remarks version";

bool has_word(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    const auto end = std::min(words.find(' '), words.size());
    if (same_word(words.substr(0, end), word)) return true;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return false;
}

bool is_of_users(std::string_view path) {
  return std::any_of(std::begin(places_of_users), std::end(places_of_users),
                     [&](std::string_view place) { return is_object(path, place); });
}

}  // namespace

bool is_without_effect(std::string_view path, std::string_view key) {
  if (key.starts_with('_') || key.starts_with('$') || key.starts_with("//") || key.starts_with('#'))
    return true;
  if (has_word(keys_of_any_object, key)) return true;
  if (has_word(keys_of_users, key) && is_of_users(path)) return true;
  return std::any_of(std::begin(ignored), std::end(ignored), [&](const ignored_keys& i) {
    return has_word(i.keys, key) && is_object(path, i.object);
  });
}

}  // namespace muxpro::proxy
