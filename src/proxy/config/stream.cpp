#include "proxy/config/readers.hpp"

#include <fmt/format.h>

#include <string>

namespace muxpro::proxy {

namespace {

socket_options read_sockopt(settings& s, socket_options o) {
  const duration second = std::chrono::seconds(1), millisecond = std::chrono::milliseconds(1);
  s.flag({"tcpNoDelay", "Send small segments at once (TCP_NODELAY)."}, o.no_delay);
  s.flag({"tcpFastOpen", "TCP Fast Open."}, o.fast_open);
  s.time({"tcpKeepAliveIdle", "Idle time before the first keep-alive probe; 0: no probes."},
         o.keep_alive_idle, second, 0, 32767);
  s.time({"tcpKeepAliveInterval", "Time between keep-alive probes."}, o.keep_alive_interval, second, 1,
         32767);
  s.time({"tcpUserTimeout", "Time that sent data may stay unacknowledged; 0: the system's default."},
         o.user_timeout, millisecond, 0, 86'400'000);
  s.one_of<bool>(
      {"tproxy", "How traffic reaches a dokodemo-door with followRedirect. tproxy needs CAP_NET_ADMIN."},
      o.transparent, {{"off", false}, {"redirect", false}, {"tproxy", true}});
  return o;
}

using layers = named_readers<registry::transport_reader>;

void add_names(const layers& known, settings::choices<std::string>& to) {
  for (const auto& layer : known.all()) {
    to.emplace_back(layer.name, layer.name);
    for (const std::string_view other : names_beside(layer.name)) to.emplace_back(other, layer.name);
  }
}

/// Null: the name stands for no layer of the registry.
const layers::entry* read_carrier(settings& s, const layers& known) {
  std::string name = "tcp", text;
  settings::choices<std::string> names;
  add_names(known, names);
  const bool chosen = s.one_of<std::string>({"network", "The transport."}, name, names);
  const bool unknown = !chosen && s.has("network") && s.text("network", text) && !text.empty();
  return unknown ? nullptr : known.find(name);
}

/// Null: no encryption.
const layers::entry* read_security(settings& s, const layers& known) {
  std::string name = "none";
  settings::choices<std::string> names{{name, name}};
  add_names(known, names);
  s.one_of<std::string>({"security", "Encryption of the transport."}, name, names);
  return known.find(name);
}

/// Clients write settings of all transports beside the ones that they use.
void note_unused(settings& s, const config_reading& with) {
  std::vector<std::string> names{"kcp", "quic", "http", "ds", "hysteria", "xtls"};
  for (const auto* all : {&with.known.carriers, &with.known.securities})
    for (const auto& layer : all->all()) names.push_back(layer.name);
  for (const std::string& name : names) {
    const std::string key = name + "Settings";
    if (!s.asked(key)) s.pass_over(key, "has no effect: network and security name other parts");
  }
}

/// Reads "NAMESettings" of a layer, or its defaults where they are missing.
transport_plan read_plan(settings& s, const layers::entry& layer, role side, const std::string& server) {
  transport_plan out;
  const std::string key = layer.name + "Settings";
  const auto read = [&](settings& own) { out = layer.read(own, side, server); };
  if (s.has(key))
    s.object(key, read);
  else if (!s.describing())
    settings::read(setting(setting::object()), s.path(key), s.mistakes(), read);
  return out;
}

void describe_layers(settings& s, const layers& known, role side) {
  for (const auto& layer : known.all())
    s.object({layer.name + "Settings", layer.meaning}, [&](settings& own) { layer.read(own, side, {}); });
}

}  // namespace

namespace {

// Sites behind which a server hides speak no HTTP/1 to browsers where they can speak HTTP/2.
void refuse_carrier_over_reality(settings& s, const layers::entry* carrier, const layers::entry* security) {
  if (!carrier || !security || security->name != "reality") return;
  if (carrier->name == "ws" || carrier->name == "httpupgrade")
    s.wrong("network", fmt::format("is '{}'; with security reality it must be raw or grpc", carrier->name));
}

}  // namespace

stream_config read_stream(settings& s, const config_reading& with, role side, const std::string& server) {
  stream_config out;
  out.socket = keepalive_socket();
  const auto read = [&](settings& stream) {
    const auto &carriers = with.known.carriers, &securities = with.known.securities;
    const auto* carrier = read_carrier(stream, carriers);
    const auto* security = read_security(stream, securities);
    if (stream.describing()) {
      describe_layers(stream, carriers, side);
      describe_layers(stream, securities, side);
    }
    refuse_carrier_over_reality(stream, carrier, security);
    if (carrier) out.carrier = read_plan(stream, *carrier, side, server);
    if (security) out.security = read_plan(stream, *security, side, server);
    note_unused(stream, with);
    stream.object({"sockopt", "Options of the socket."},
                  [&](settings& o) { out.socket = read_sockopt(o, out.socket); });
  };
  s.object({"streamSettings", side == role::server
                                  ? "How bytes travel between clients and this inbound."
                                  : "How bytes travel to the server, for protocols that have one."},
           read);
  return out;
}

}  // namespace muxpro::proxy
