#include "proxy/config/link_text.hpp"
#include "proxy/config/merge.hpp"
#include "proxy/config/share_link.hpp"

#include <fmt/format.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace muxpro::proxy {

namespace {

/// Returns a value inside of others, or null if it is absent. A list stands for its only element.
const setting* inner(const setting* s, std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) {
    const auto* o = s ? std::get_if<setting::object>(&s->is) : nullptr;
    if (!o) return nullptr;
    const auto found = o->find(key);
    s = found == o->end() ? nullptr : &found->second;
    const auto* list = s ? std::get_if<setting::list>(&s->is) : nullptr;
    if (list && (key == "vnext" || key == "servers" || key == "users"))
      s = list->empty() ? nullptr : &list->front();
  }
  return s;
}

std::string text_at(const setting* s, std::initializer_list<std::string_view> keys) {
  const setting* const v = inner(s, keys);
  if (!v) return {};
  if (const auto* t = std::get_if<std::string>(&v->is)) return *t;
  if (const auto* n = std::get_if<double>(&v->is)) return fmt::format("{}", *n);
  if (const auto* b = std::get_if<bool>(&v->is)) return *b ? "1" : "";
  std::string out;
  if (const auto* list = std::get_if<setting::list>(&v->is))
    for (const setting& one : *list)
      if (const auto* t = std::get_if<std::string>(&one.is)) out += (out.empty() ? "" : ",") + *t;
  return out;
}

void add(std::string& query, std::string_view key, const std::string& value) {
  if (!value.empty()) query += fmt::format("{}{}={}", query.empty() ? "?" : "&", key, url_encoded(value));
}

/// The keys of XHTTP that have no place of their own in a link.
std::string extra_of(const setting* xhttp) {
  if (const setting* const extra = inner(xhttp, {"extra"})) return json_text(*extra, -1);
  const auto* const all = xhttp ? std::get_if<setting::object>(&xhttp->is) : nullptr;
  setting::object rest = all ? *all : setting::object();
  for (const char* own : {"path", "host", "mode"}) rest.erase(own);
  return rest.empty() ? std::string() : json_text(setting(rest), -1);
}

/// The fake head of HTTP, of network raw.
void add_http_head(std::string& query, const setting* raw) {
  if (text_at(raw, {"header", "type"}) != "http") return;
  add(query, "headerType", "http");
  add(query, "host", text_at(raw, {"header", "request", "headers", "Host"}));
  add(query, "path", text_at(raw, {"header", "request", "path"}));
}

void add_stream(std::string& query, const setting* stream) {
  std::string network = text_at(stream, {"network"});
  if (network.empty()) network = text_at(stream, {"method"});
  if (network.empty() || network == "raw") network = "tcp";
  const bool xhttp = network == "xhttp" || network == "splithttp";
  const std::string security = text_at(stream, {"security"});
  add(query, "type", network);
  add(query, "security", security.empty() ? "none" : security);
  const setting* const s = inner(stream, {security + "Settings"});
  for (const auto& [key, name] :
       std::initializer_list<std::pair<const char*, const char*>>{{"sni", "serverName"},
                                                                  {"fp", "fingerprint"},
                                                                  {"alpn", "alpn"},
                                                                  {"pbk", "publicKey"},
                                                                  {"pbk", "password"},
                                                                  {"sid", "shortId"},
                                                                  {"spx", "spiderX"},
                                                                  {"pcs", "pinnedPeerCertSha256"},
                                                                  {"vcn", "verifyPeerCertByName"},
                                                                  {"allowInsecure", "allowInsecure"}})
    add(query, key, text_at(s, {name}));
  const setting* const c = inner(stream, {network + "Settings"});
  if (network == "tcp") add_http_head(query, c ? c : inner(stream, {"rawSettings"}));
  for (const char* key : {"path", "host", "serviceName", "authority"}) add(query, key, text_at(c, {key}));
  add(query, "mode",
      network == "grpc" && !text_at(c, {"multiMode"}).empty() ? "multi" : text_at(c, {"mode"}));
  if (xhttp) add(query, "extra", extra_of(c));
}

}  // namespace

std::optional<std::string> link_of_outbound(const setting& outbound) {
  const std::string protocol = text_at(&outbound, {"protocol"});
  const setting* const own = inner(&outbound, {"settings"});
  const setting* server = inner(own, {"vnext"});
  if (!server) server = inner(own, {"servers"});
  if (!server) server = own;
  const setting* user = inner(server, {"users"});
  if (!user) user = server;
  std::string host = text_at(server, {"address"});
  const std::string port = text_at(server, {"port"});
  if (host.empty() || port.empty()) return std::nullopt;
  if (host.find(':') != std::string::npos) host = fmt::format("[{}]", host);
  std::string query, who, scheme = protocol;
  if (protocol == "vless" || protocol == "vmess") {
    who = url_encoded(text_at(user, {"id"}));
    add(query, "encryption", text_at(user, {protocol == "vless" ? "encryption" : "security"}));
    add(query, "flow", text_at(user, {"flow"}));
  } else if (protocol == "trojan") {
    who = url_encoded(text_at(server, {"password"}));
  } else if (protocol == "shadowsocks") {
    scheme = "ss";
    who = url_base64(text_at(server, {"method"}) + ":" + text_at(server, {"password"}));
  } else if (protocol == "socks") {
    const std::string name = text_at(user, {"user"});
    if (!name.empty()) who = url_base64(name + ":" + text_at(user, {"pass"}));
  } else {
    return std::nullopt;
  }
  if (protocol != "socks" && protocol != "shadowsocks")
    add_stream(query, inner(&outbound, {"streamSettings"}));
  const std::string tag = text_at(&outbound, {"tag"});
  return fmt::format("{}://{}{}{}:{}{}{}{}", scheme, who, who.empty() ? "" : "@", host, port, query,
                     tag.empty() ? "" : "#", url_encoded(tag));
}

}  // namespace muxpro::proxy
