// The configuration of WebSocket and HTTPUpgrade.
#include "proxy/base/text.hpp"
#include "proxy/engine/built_in.hpp"
#include "proxy/transport/request_settings.hpp"
#include "proxy/transport/websocket.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace muxpro::proxy {

namespace {

/// The most that a client sends so. Larger numbers stand for it.
constexpr std::size_t most_early_data = 2048;

/// Takes "ed=N" out of the query, which is Xray's place for the size of early data. Returns false if N is no
/// number.
bool take_early_data(std::string& path, std::size_t& most) {
  const std::size_t mark = path.find('?');
  if (mark == std::string::npos) return true;
  std::string rest;
  bool good = true;
  std::string_view query = std::string_view(path).substr(mark + 1);
  while (!query.empty()) {
    const std::string_view item = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(item.size() + 1, query.size()));
    if (item.starts_with("ed=")) {
      const auto n = number<std::uint32_t>(item.substr(3));
      good = n.has_value();
      most = std::min<std::size_t>(n.value_or(0), most_early_data);
    } else {
      rest.append(rest.empty() ? "?" : "&").append(item);
    }
  }
  path.replace(mark, std::string::npos, rest);
  return good;
}

void read_path(settings& s, upgrade_options& o) {
  s.text(
      {"path",
       "The path of the request; default: /. \"?ed=2048\" at its end: a client waits for its first bytes and "
       "sends so many of them with the request, which the server has to support."},
      o.path);
  if (!o.path.starts_with('/')) o.path.insert(0, "/");
  if (!take_early_data(o.path, o.early_data)) s.wrong("path", "has an ed that is not a number");
}

// Those that the handshake writes itself.
bool is_own_field(std::string_view name) {
  constexpr std::array<std::string_view, 4> own{"connection", "upgrade", "content-length",
                                                "transfer-encoding"};
  return std::any_of(own.begin(), own.end(), [name](std::string_view o) { return is_name(name, o); }) ||
         lower_case(name).starts_with("sec-websocket-");
}

void read_host(settings& s, role side, const std::string& server, upgrade_options& o) {
  s.each({"headers", "Of a client: further fields of the request. Host is an older way to write host."},
         [&](const std::string& name, const setting& value, std::string) {
           auto field = read_request_field(s, name, value, is_own_field);
           if (field && is_name(name, "host"))
             o.host = field->value;
           else if (field)
             o.fields.push_back(std::move(*field));
         });
  read_request_host(s, side, server, o.host);
}

transport_factory factory_of(settings& s, const std::shared_ptr<upgrade_options>& o, role side) {
  transport_factory out([o, side] { return std::make_shared<const upgrade_transport>(side, *o); });
  bool accepts = false;
  s.flag({"acceptProxyProtocol", "See sockopt."}, accepts);
  out.accepts_proxy_protocol = accepts && side == role::server;
  out.trust = [o](std::vector<std::string> fields) { o->trusted = std::move(fields); };
  return out;
}

transport_factory read_websocket(settings& s, role side, const std::string& server) {
  const auto o = std::make_shared<upgrade_options>(upgrade_protocol::websocket);
  read_path(s, *o);
  read_host(s, side, server, *o);
  s.time({"heartbeatPeriod", "Time between two pings; 0: no pings."}, o->heartbeat, std::chrono::seconds(1),
         0, 86'400);
  return factory_of(s, o, side);
}

transport_factory read_http_upgrade(settings& s, role side, const std::string& server) {
  const auto o = std::make_shared<upgrade_options>(upgrade_protocol::raw);
  read_path(s, *o);
  if (std::exchange(o->early_data, 0) > 0)
    s.note("path", "has ed, which has no effect: a client waits for the server's answer");
  read_host(s, side, server, *o);
  return factory_of(s, o, side);
}

}  // namespace

void add_websocket(registry& to) {
  to.carriers.add("ws", "WebSocket; websocket is another name.", read_websocket);
  to.carriers.add("httpupgrade", "Bytes as they are behind an HTTP/1.1 request for an upgrade.",
                  read_http_upgrade);
}

}  // namespace muxpro::proxy
