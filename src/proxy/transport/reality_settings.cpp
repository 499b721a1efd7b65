// The configuration of security reality.
#include "proxy/base/text.hpp"
#include "proxy/engine/built_in.hpp"
#include "proxy/transport/reality.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace muxpro::proxy {

namespace {

constexpr const char* key_form = "must be 43 characters of base64, as muxpro x25519 prints it";
constexpr const char* short_id_form = "it must be up to 16 hexadecimal digits, in pairs";
constexpr const char* no_entry = "has no entry, so that every client would see the target";
constexpr const char* no_ml_dsa = "has a value; muxpro has no ML-DSA-65";

void refuse_ml_dsa(settings& s, const setting_key& key) {
  std::string value;
  if (s.text(key, value) && !value.empty()) s.wrong(key.name, no_ml_dsa);
}

key_bytes read_private_or_public(settings& s, const setting_key& key, bool secret) {
  std::string text;
  if (!(secret ? s.secret(key, text) : s.text(key, text))) return {};
  const auto found = parse_key(text);
  if (!found) s.wrong(key.name, key_form);
  return found.value_or(key_bytes());
}

/// A port of this machine, HOST:PORT, or the path of a unix socket.
std::optional<stream_address> target_of(std::string_view text) {
  if (const auto port = number<std::uint16_t>(text)) return stream_address(host_port("localhost", *port));
  if (text.starts_with('/') || text.starts_with('@')) return stream_address::unix_path(text);
  return stream_address::parse(text);
}

void read_target(settings& s, reality_server_options& to) {
  constexpr const char* key = "target";
  std::string text;
  if (!s.needs(key, "HOST:PORT of a site with TLS 1.3 and X25519") ||
      !s.text_or_number(
          {key,
           "The site to which the connections of all other clients are forwarded: HOST:PORT, a port of this "
           "machine, or the path of a unix socket. It has to speak TLS 1.3 with X25519."},
          text))
    return;
  const auto found = target_of(text);
  if (found && (found->is_unix() || found->at.port != 0))
    to.target = *found;
  else
    s.wrong(key, fmt::format("is '{}'; it must be HOST:PORT, a port, or the path of a unix socket",
                             sanitized(text)));
}

std::optional<client_version> read_version(settings& s, const setting_key& key,
                                           std::optional<client_version> otherwise) {
  std::string text;
  if (!s.text(key, text)) return otherwise;
  if (text.empty()) return std::nullopt;
  const auto found = parse_client_version(text);
  if (!found) s.wrong(key.name, fmt::format("is '{}'; it must be as 26.3.27", sanitized(text)));
  return found;
}

void read_names(settings& s, reality_rules& to) {
  std::vector<std::string> names;
  if (s.needs("serverNames", "a list of names that clients may ask for"))
    s.texts({"serverNames",
             "The names that its clients may ask for, of those in the target's certificate. An empty name: a "
             "client may send no name."},
            names);
  if (names.empty() && s.has("serverNames")) s.wrong("serverNames", no_entry);
  for (const std::string& n : names) {
    if (n.find('*') != std::string::npos)
      s.wrong("serverNames", fmt::format("has '{}'; it must have whole names", sanitized(n)));
    to.names.insert(n);
  }
}

void read_short_ids(settings& s, reality_rules& to) {
  std::vector<std::string> ids;
  if (s.needs("shortIds", "a list of up to 16 hexadecimal digits each"))
    s.texts({"shortIds",
             "Identifiers of its clients, which they send: up to 16 hexadecimal digits each, in pairs."},
            ids);
  if (ids.empty() && s.has("shortIds")) s.wrong("shortIds", no_entry);
  for (const std::string& text : ids) {
    const auto id = parse_short_id(text);
    if (!id) s.wrong("shortIds", fmt::format("has '{}'; {}", sanitized(text), short_id_form));
    to.short_ids.insert(id.value_or(short_id()));
  }
}

pace_limits read_pace(settings& s, const setting_key& key) {
  pace_limits out;
  s.object(key, [&](settings& o) {
    o.number<std::uint64_t>({"afterBytes", "Bytes of a connection before the limit applies."}, out.free_bytes,
                            0);
    o.number<std::uint64_t>({"bytesPerSec", "Bytes per second after those; 0: no limit."}, out.per_second, 0);
    o.number<std::uint64_t>({"burstBytesPerSec", "Bytes of a burst, at least bytesPerSec."}, out.burst, 0);
  });
  return out;
}

reality_server_options read_reality_server(settings& s) {
  reality_server_options o;
  read_target(s, o);
  s.number<unsigned>({"xver", "The version of PROXY protocol's header for the target; 0: no header."},
                     o.proxy_header, 0, 2);
  std::string type;
  s.text({"type", "Accepted from Xray's configurations, without effect. The form of target decides."}, type);
  read_names(s, o.rules);
  s.needs("privateKey", "the private key that muxpro x25519 prints");
  o.rules.private_key =
      x25519_key(read_private_or_public(s, {"privateKey", "As muxpro x25519 prints it."}, true));
  read_short_ids(s, o.rules);
  o.rules.min_version = read_version(
      s,
      {"minClientVer",
       "Clients must claim to be this version of Xray or a later one. Default: any; that of Xray is "
       "26.3.27, which refuses clients of sing-box."},
      std::nullopt);
  o.rules.max_version = read_version(
      s, {"maxClientVer", "Clients must claim to be this version of Xray or an earlier one."}, std::nullopt);
  if (o.rules.min_version && o.rules.max_version && *o.rules.min_version > *o.rules.max_version)
    s.wrong("minClientVer", fmt::format("is {}, which is later than maxClientVer, {}",
                                        to_text(*o.rules.min_version), to_text(*o.rules.max_version)));
  s.time({"maxTimeDiff", "In milliseconds: how far a client's clock may be off; 0: any time."},
         o.rules.max_time_difference, std::chrono::milliseconds(1), 0, 86'400'000'000);
  o.upload = read_pace(s, {"limitFallbackUpload", "How fast clients that see the target may send."});
  o.download = read_pace(s, {"limitFallbackDownload", "How fast they may receive."});
  refuse_ml_dsa(s, {"mldsa65Seed", "Must be empty: there is no ML-DSA-65."});
  return o;
}

reality_client_options read_reality_client(settings& s, const std::string& server) {
  reality_client_options o;
  o.name = server;
  s.text({"serverName", "One of the server's serverNames; default: the server's address."}, o.name);
  constexpr const char* key = "publicKey";
  s.needs(key, "the server's public key");
  o.server_key =
      read_private_or_public(s, {key, "The server's public key, as muxpro x25519 prints it."}, false);
  std::string id;
  s.text({"shortId", "One of the server's shortIds."}, id);
  const auto parsed = parse_short_id(id);
  if (!parsed) s.wrong("shortId", fmt::format("is '{}'; {}", sanitized(id), short_id_form));
  o.id = parsed.value_or(short_id());
  std::string ignored;
  s.text({"fingerprint",
          "Accepted from Xray's configurations: the ClientHello is OpenSSL's. Do not rely on "
          "it where observers detect that it is no browser's."},
         ignored);
  if (!ignored.empty())
    s.note("fingerprint", "has no effect: the handshake is OpenSSL's, which looks like no browser's");
  s.text({"spiderX", "Accepted from Xray's configurations, without effect."}, ignored);
  refuse_ml_dsa(s, {"mldsa65Verify", "Must be empty: there is no ML-DSA-65."});
  return o;
}

transport_factory read_reality(settings& s, role side, const std::string& server) {
  bool show = false;
  s.flag(
      {"show", "Accepted from Xray's configurations, without effect: the log has why a client is refused."},
      show);
  std::string key_log;
  s.text({"masterKeyLog", "A file to which the secrets of handshakes are appended, for Wireshark."}, key_log);
  if (side == role::server) {
    reality_server_options o = read_reality_server(s);
    o.key_log = key_log;
    return transport_factory([o] { return std::make_shared<const reality_server>(o); });
  }
  reality_client_options o = read_reality_client(s, server);
  o.key_log = key_log;
  transport_factory factory([o] { return std::make_shared<const reality_client>(o); });
  factory.server_name = o.name;
  return factory;
}

}  // namespace

void add_reality(registry& to) {
  to.securities.add(
      "reality",
      "REALITY: TLS 1.3 that looks like that of another site. Goes with network raw, grpc and xhttp.",
      read_reality);
}

}  // namespace muxpro::proxy
