#include "proxy/config/convert.hpp"

#include "proxy/config/known_names.hpp"

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace muxpro::proxy {

namespace {

using object = setting::object;
using values = setting::list;

object* object_in(object& o, std::string_view key) {
  const auto found = o.find(key);
  return found == o.end() ? nullptr : std::get_if<object>(&found->second.is);
}
std::string text_in(const object& o, std::string_view key) {
  const auto found = o.find(key);
  const auto* const text = found == o.end() ? nullptr : std::get_if<std::string>(&found->second.is);
  return text ? *text : std::string();
}
void rename(object& o, std::string_view from, std::string_view to) {
  const auto found = o.find(from);
  if (found == o.end() || o.contains(to)) return;
  auto node = o.extract(found);
  node.key() = to;
  o.insert(std::move(node));
}

// --- names

/// Keys that have another meaning in the settings of other protocols.
bool is_of_protocol(std::string_view path, std::string_view key, std::string_view protocol) {
  if (path == "inbounds.settings" && (key == "address" || key == "port" || key == "network"))
    return protocol == "dokodemo-door";
  if (path == "inbounds.settings" && key == "accounts") return protocol == "socks" || protocol == "http";
  if (path == "inbounds.settings" && key == "clients") return protocol != "socks" && protocol != "http";
  if (path == "outbounds.settings" && key == "domainStrategy") return protocol == "freedom";
  return true;
}

void rename_keys(object& o, std::string_view path, std::string_view protocol, config_form to) {
  for (const renamed_key& k : renamed_keys(path)) {
    if (!is_of_protocol(path, k.older, protocol)) continue;
    if (to == config_form::newer)
      rename(o, k.older, k.newer);
    else
      rename(o, k.newer, k.older);
  }
}

void rename_part(object& o, std::string_view key, config_form to) {
  const auto found = o.find(key);
  auto* const text = found == o.end() ? nullptr : std::get_if<std::string>(&found->second.is);
  if (!text) return;
  const std::string usual(usual_name(*text));
  const auto others = names_beside(usual);
  *text = to == config_form::newer && has_newer_name(usual) ? std::string(others.front()) : usual;
}

void convert_names(setting& at, const std::string& path, std::string_view protocol, config_form to) {
  if (auto* const all = std::get_if<values>(&at.is))
    for (setting& one : *all) convert_names(one, path, protocol, to);
  auto* const o = std::get_if<object>(&at.is);
  if (!o) return;
  std::string own(protocol);
  if (path == "inbounds" || path == "outbounds") {
    own = usual_name(text_in(*o, "protocol"));
    rename_part(*o, "protocol", to);
  }
  rename_part(*o, path.ends_with("streamSettings") ? (o->contains("method") ? "method" : "network") : "", to);
  for (auto& [key, value] : *o) convert_names(value, path.empty() ? key : path + "." + key, own, to);
  rename_keys(*o, path, own, to);
}

// --- the server of an outbound

struct form_of_outbound {
  std::string_view protocol, servers;
  bool has_users;  ///< of a server, else its keys are the server's own
};
constexpr std::array<form_of_outbound, 6> forms_of_outbounds{{{"vless", "vnext", true},
                                                              {"vmess", "vnext", true},
                                                              {"socks", "servers", true},
                                                              {"http", "servers", true},
                                                              {"trojan", "servers", false},
                                                              {"shadowsocks", "servers", false}}};

/// Null unless there is one, and it is an object.
object* only_in(object& o, std::string_view key) {
  const auto found = o.find(key);
  auto* const all = found == o.end() ? nullptr : std::get_if<values>(&found->second.is);
  return all && all->size() == 1 ? std::get_if<object>(&all->front().is) : nullptr;
}

void take_servers_keys(object& settings, const form_of_outbound& f) {
  object* const server = only_in(settings, f.servers);
  if (!server || settings.contains("address")) return;
  object flat = *server;
  if (const bool users = flat.contains("users"); users && f.has_users) {
    object* const user = only_in(*server, "users");
    if (!user) return;
    flat.erase("users");
    flat.merge(object(*user));
  }
  settings.erase(settings.find(f.servers));
  settings.merge(std::move(flat));
}

void make_list_of_servers(object& settings, const form_of_outbound& f) {
  if (!settings.contains("address") || settings.contains(f.servers)) return;
  object server, user;
  for (auto& [key, value] : settings) {
    const bool of_server = !f.has_users || key == "address" || key == "port";
    (of_server ? server : user)[key] = std::move(value);
  }
  if (f.has_users && !user.empty()) server["users"] = setting(values{setting(std::move(user))});
  settings.clear();
  settings[std::string(f.servers)] = setting(values{setting(std::move(server))});
}

void convert_server(setting& outbound, config_form to) {
  auto* const o = std::get_if<object>(&outbound.is);
  object* const settings = o ? object_in(*o, "settings") : nullptr;
  if (!settings) return;
  for (const form_of_outbound& f : forms_of_outbounds)
    if (f.protocol == usual_name(text_in(*o, "protocol")))
      (to == config_form::newer ? take_servers_keys : make_list_of_servers)(*settings, f);
}

}  // namespace

setting converted(setting root, config_form to) {
  if (auto* const o = std::get_if<object>(&root.is)) {
    const auto outbounds = o->find("outbounds");
    auto* const all = outbounds == o->end() ? nullptr : std::get_if<values>(&outbounds->second.is);
    if (all)
      for (setting& one : *all) convert_server(one, to);
  }
  convert_names(root, "", "", to);
  return root;
}

}  // namespace muxpro::proxy
