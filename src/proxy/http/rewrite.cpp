#include "proxy/base/base64.hpp"
#include "proxy/base/text.hpp"
#include "proxy/http/request.hpp"
#include "proxy/http/response.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

namespace muxpro::proxy {

namespace {

constexpr std::string_view proxy_authorization = "proxy-authorization";

/// Returns the one field of that name, or null if there is no such field or several.
const http_field* only(const http_request& r, std::string_view name) {
  const http_field* found = nullptr;
  for (const http_field& f : r.fields) {
    if (!is_name(f.name, name)) continue;
    if (found) return nullptr;
    found = &f;
  }
  return found;
}

/// Fields that end at this hop (RFC 9110 section 7.6.1), and those that are written anew. HTTP2-Settings is
/// an upgrade's (RFC 7540 section 3.2.1).
class hop_fields {
 public:
  explicit hop_fields(const std::vector<http_field>& all) {
    for (const http_field& f : all)
      if (is_name(f.name, "connection"))
        any_element(f.value, [this](std::string_view o) { return named_.insert(changed(o, lower)), false; });
  }
  bool contain(std::string_view name) const {
    constexpr std::array<std::string_view, 7> known{
        "content-length", "transfer-encoding", "connection", "keep-alive", "te", "upgrade", "http2-settings"};
    const std::string lower_case = changed(name, lower);
    return std::find(known.begin(), known.end(), lower_case) != known.end() ||
           lower_case.starts_with("proxy-") || named_.contains(lower_case);
  }

 private:
  std::set<std::string> named_;  ///< by Connection
};

std::string authority_of(const destination& target) {
  std::string text = to_string(host_port(target.host, target.port));
  if (target.port == 80) text.resize(text.size() - std::string_view(":80").size());
  return text;
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void append_framing(std::string& out, const http_framing& f) {
  if (f.what == http_framing::kind::length) append_field(out, "Content-Length", std::to_string(f.length));
  if (f.what == http_framing::kind::chunked) append_field(out, "Transfer-Encoding", "chunked");
}

}  // namespace

bool has_login(const http_request& r) {
  return std::any_of(r.fields.begin(), r.fields.end(),
                     [](const http_field& f) { return is_name(f.name, proxy_authorization); });
}

std::optional<user_account> http_user(const http_request& r, const accounts& users) {
  constexpr std::string_view scheme = "basic ";
  const http_field* const f = only(r, proxy_authorization);
  if (!f || !is_name(std::string_view(f->value).substr(0, scheme.size()), scheme)) return std::nullopt;
  const auto pair = base64_decoded(trimmed(std::string_view(f->value).substr(scheme.size())));
  const std::size_t colon = pair ? pair->find(':') : std::string::npos;
  if (colon == std::string::npos) return std::nullopt;
  return users.check(std::string_view(*pair).substr(0, colon), std::string_view(*pair).substr(colon + 1));
}

std::string http_upstream_head(const http_request& r, http_upstream u) {
  const hop_fields hop(r.fields);
  std::string out = fmt::format("{} {} HTTP/1.{}\r\n", r.method, r.path, r.version_1_1 ? 1 : 0);
  append_field(out, "Host", authority_of(r.target));
  for (const http_field& f : r.fields)
    if (!is_name(f.name, "host") && !is_name(f.name, "trailer") && !hop.contain(f.name))
      append_field(out, f.name, f.value);
  append_framing(out, r.body);
  if (!r.upgrade.empty()) append_field(out, "Upgrade", r.upgrade);
  append_field(out, "Connection",
               !r.upgrade.empty()          ? "Upgrade"
               : u == http_upstream::keeps ? "keep-alive"
                                           : "close");
  return out + "\r\n";
}

std::string http_client_head(const http_response& r, const http_client_form& form) {
  const hop_fields hop(r.fields);
  const bool dechunks = form.dechunks(r.body), upgrade = r.status == 101 || r.status == 426;
  std::string out = fmt::format("HTTP/1.1 {} {}\r\n", r.status, r.reason);
  for (const http_field& f : r.fields)
    if ((upgrade && is_name(f.name, "upgrade")) ||
        (!hop.contain(f.name) && !(dechunks && is_name(f.name, "trailer"))))
      append_field(out, f.name, f.value);
  if (r.length) append_field(out, "Content-Length", std::to_string(*r.length));
  if (!r.length && !dechunks) append_framing(out, r.body);
  if (upgrade) append_field(out, "Connection", "Upgrade");
  if (form.closes) append_field(out, "Connection", "close");
  return out + "\r\n";
}

std::map<std::string, std::string> http_attributes(const http_request& r) {
  std::map<std::string, std::string> out;
  out[":method"] = changed(r.method, upper);
  if (!r.is_connect()) out[":path"] = r.path;
  for (const http_field& f : r.fields) {
    if (is_name(f.name, proxy_authorization)) continue;
    const auto [at, is_new] = out.try_emplace(changed(f.name, lower), f.value);
    if (!is_new) at->second.append(", ").append(f.value);
  }
  return out;
}

}  // namespace muxpro::proxy
