#include "proxy/config/share_link.hpp"

#include "proxy/base/text.hpp"
#include "proxy/config/link_text.hpp"

#include <muxpro/proxy/config.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <utility>

namespace muxpro::proxy {

namespace {

using object = setting::object;

setting text_of(std::string_view t) { return setting(std::string(t)); }

/// Adds the keys whose texts are not empty.
void put(object& to, std::initializer_list<std::pair<const char*, std::string_view>> all) {
  for (const auto& [key, text] : all)
    if (!text.empty()) to[key] = text_of(text);
}

setting::list list_of(std::string_view texts) {
  setting::list out;
  while (!texts.empty()) {
    const auto comma = std::min(texts.find(','), texts.size());
    out.push_back(text_of(texts.substr(0, comma)));
    texts.remove_prefix(std::min(comma + 1, texts.size()));
  }
  return out;
}

object security_of(const link_parts& l, const std::string& security) {
  object out;
  put(out, {{"serverName", l["sni"].empty() ? l["peer"] : l["sni"]}, {"fingerprint", l["fp"]}});
  if (security == "reality") {
    put(out,
        {{"publicKey", l["pbk"]}, {"shortId", l["sid"]}, {"spiderX", l["spx"]}, {"mldsa65Verify", l["pqv"]}});
    return out;
  }
  if (const auto alpn = list_of(l["alpn"]); !alpn.empty()) out["alpn"] = setting(alpn);
  put(out,
      {{"pinnedPeerCertSha256", l["pcs"]}, {"verifyPeerCertByName", l["vcn"]}, {"echConfigList", l["ech"]}});
  if (l["allowInsecure"] == "1" || l["insecure"] == "1") out["allowInsecure"] = setting(true);
  return out;
}

/// The fake head of HTTP, of network raw.
object http_head_of(const link_parts& l) {
  object request, headers, header, out;
  if (!l["path"].empty()) request["path"] = setting(list_of(l["path"]));
  if (!l["host"].empty()) headers["Host"] = setting(list_of(l["host"]));
  if (!headers.empty()) request["headers"] = setting(headers);
  header["type"] = text_of("http");
  if (!request.empty()) header["request"] = setting(request);
  out["header"] = setting(header);
  return out;
}

object carrier_of(const link_parts& l, std::string_view network) {
  object out;
  if (network == "tcp") return l["headerType"] == "http" ? http_head_of(l) : object();
  if (network == "grpc") {
    put(out, {{"serviceName", l["serviceName"]}, {"authority", l["authority"]}});
    if (l["mode"] == "multi") out["multiMode"] = setting(true);
    return out;
  }
  put(out, {{"path", l["path"]}, {"host", l["host"]}});
  if (network != "xhttp") return out;
  put(out, {{"mode", l["mode"]}});
  config_mistakes ignored;
  if (auto extra = parse_json(l["extra"], ignored)) out["extra"] = std::move(*extra);
  return out;
}

object stream_of(const link_parts& l) {
  std::string network(l["type"].empty() || l["type"] == "raw" ? "tcp" : l["type"]);
  if (network == "splithttp") network = "xhttp";
  std::string security(l["security"]);
  if (security.empty() && l.scheme == "trojan") security = "tls";
  object out;
  out["network"] = text_of(network);
  if (const object carrier = carrier_of(l, network); !carrier.empty())
    out[network + "Settings"] = setting(carrier);
  if (security.empty() || security == "none") return out;
  out["security"] = text_of(security);
  if (const object s = security_of(l, security); !s.empty()) out[security + "Settings"] = setting(s);
  return out;
}

object server_of_link(const link_parts& l) {
  object out;
  out["address"] = text_of(l.host);
  out["port"] = setting(static_cast<double>(l.port));
  return out;
}

setting outbound_with(const link_parts& l, std::string_view protocol, object server, bool has_stream = true) {
  object out;
  out["protocol"] = text_of(protocol);
  put(out, {{"tag", l.name}});
  out["settings"] = setting(std::move(server));
  if (has_stream) out["streamSettings"] = setting(stream_of(l));
  return setting(std::move(out));
}

std::optional<setting> keyed_of(const link_parts& l) {
  object server = server_of_link(l);
  if (l.scheme == "trojan") {
    server["password"] = text_of(l.user);
  } else {
    server["id"] = text_of(l.user);
    put(server, {{"flow", l["flow"]}});
    if (l.scheme == "vless")
      server["encryption"] = text_of(l["encryption"].empty() ? "none" : l["encryption"]);
    if (l.scheme == "vmess") server["security"] = text_of(l["encryption"].empty() ? "auto" : l["encryption"]);
  }
  return outbound_with(l, l.scheme, std::move(server));
}

std::string text_in(const object& o, std::string_view key) {
  const auto found = o.find(key);
  if (found == o.end()) return {};
  if (const auto* t = std::get_if<std::string>(&found->second.is)) return *t;
  const auto* n = std::get_if<double>(&found->second.is);
  return n ? fmt::format("{}", *n) : std::string();
}

/// The JSON of v2rayN in base64, as a link of the other form.
std::optional<link_parts> vmess_of_json(std::string_view link) {
  const auto text = any_base64_decoded(link.substr(0, link.find('#')));
  config_mistakes ignored;
  const auto root = text ? parse_json(*text, ignored) : std::nullopt;
  const auto* o = root ? std::get_if<object>(&root->is) : nullptr;
  const auto port = o ? number<std::uint16_t>(text_in(*o, "port")) : std::nullopt;
  if (!port || text_in(*o, "add").empty()) return std::nullopt;
  link_parts l;
  l.scheme = "vmess";
  l.user = text_in(*o, "id");
  l.host = text_in(*o, "add");
  l.port = *port;
  l.name = text_in(*o, "ps");
  const std::string network = text_in(*o, "net");
  l.query = {{"encryption", text_in(*o, "scy")},
             {"type", network},
             {"security", text_in(*o, "tls")},
             {"headerType", text_in(*o, "type")},
             {"host", text_in(*o, "host")},
             {"path", text_in(*o, "path")},
             {"sni", text_in(*o, "sni")},
             {"alpn", text_in(*o, "alpn")},
             {"fp", text_in(*o, "fp")},
             {"insecure", text_in(*o, "insecure")},
             {"serviceName", network == "grpc" ? text_in(*o, "path") : ""},
             {"mode", text_in(*o, "type")}};
  return l;
}

/// ss://BASE64(METHOD:PASSWORD)@HOST:PORT, ss://METHOD:PASSWORD@HOST:PORT, ss://BASE64(all)
std::optional<setting> shadowsocks_of(std::string_view link, std::string& why) {
  const std::string_view body = link.substr(5, std::min(link.find('#'), link.size()) - 5);
  std::string whole(link);
  if (body.find('@') == std::string_view::npos) {
    const auto decoded = any_base64_decoded(body.substr(0, body.find('?')));
    const auto hash = link.find('#');
    whole = fmt::format("ss://{}{}", decoded.value_or(""),
                        hash == std::string_view::npos ? "" : link.substr(hash));
  }
  auto l = parse_link(whole);
  if (!l) return std::nullopt;
  if (l->user.find(':') == std::string::npos) l->user = any_base64_decoded(l->user).value_or("");
  const auto colon = l->user.find(':');
  if (colon == std::string::npos) return std::nullopt;
  if (!(*l)["plugin"].empty()) return why = "asks for a plugin, which muxpro does not have", std::nullopt;
  object server = server_of_link(*l);
  server["method"] = text_of(l->user.substr(0, colon));
  server["password"] = text_of(l->user.substr(colon + 1));
  return outbound_with(*l, "shadowsocks", std::move(server), false);
}

std::optional<setting> socks_of(link_parts l) {
  if (l.user.find(':') == std::string::npos) l.user = any_base64_decoded(l.user).value_or(l.user);
  const auto colon = l.user.find(':');
  object server = server_of_link(l);
  if (colon != std::string::npos)
    put(server, {{"user", l.user.substr(0, colon)}, {"pass", l.user.substr(colon + 1)}});
  return outbound_with(l, "socks", std::move(server), false);
}

}  // namespace

std::optional<setting> outbound_of_link(std::string_view link, std::string& why) {
  why = "is not a link of vless, vmess, trojan, ss or socks with a host and a port";
  const auto end = link.find("://");
  if (end == std::string_view::npos) return std::nullopt;
  const std::string scheme = lower_case(link.substr(0, end));
  if (scheme == "ss") return shadowsocks_of(link, why);
  if (scheme == "vmess")
    if (const auto l = vmess_of_json(link.substr(8))) return keyed_of(*l);
  const auto l = parse_link(link);
  if (l && (scheme == "vless" || scheme == "vmess" || scheme == "trojan") && !l->user.empty())
    return keyed_of(*l);
  if (l && (scheme == "socks" || scheme == "socks5")) return socks_of(*l);
  return std::nullopt;
}

std::vector<std::string> links_in(std::string_view text) {
  std::string decoded;
  if (text.find("://") == std::string_view::npos) {
    decoded = any_base64_decoded(text).value_or("");
    text = decoded;
  }
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto end = std::min(text.find_first_of("\r\n"), text.size());
    if (const auto line = trimmed(text.substr(0, end)); !line.empty()) out.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

setting client_config(std::vector<setting> outbounds) {
  object inbound, own, direct, root, log;
  own["udp"] = setting(true);
  put(inbound, {{"tag", "local"}, {"protocol", "mixed"}, {"listen", "127.0.0.1"}});
  inbound["port"] = setting(1080.0);
  inbound["settings"] = setting(own);
  put(direct, {{"tag", "direct"}, {"protocol", "freedom"}});
  put(log, {{"loglevel", "warning"}});
  setting::list all;
  std::size_t number = 0;
  for (setting& o : outbounds) {
    // Two servers may have one name. Tags are unique.
    auto& members = std::get<object>(o.is);
    const std::string name = text_in(members, "tag");
    const auto same = [&](const setting& other) {
      return text_in(std::get<object>(other.is), "tag") == name;
    };
    ++number;
    if (name.empty() || name == "direct" || std::any_of(all.begin(), all.end(), same))
      members["tag"] =
          text_of(name.empty() ? fmt::format("server-{}", number) : fmt::format("{} {}", name, number));
    all.push_back(std::move(o));
  }
  all.emplace_back(direct);
  root["log"] = setting(log);
  root["inbounds"] = setting(setting::list{setting(inbound)});
  root["outbounds"] = setting(std::move(all));
  return setting(std::move(root));
}

}  // namespace muxpro::proxy
