#include "proxy/config/stream.hpp"

#include "proxy/config/readers.hpp"

#include <fmt/format.h>

#include <string>

namespace muxpro::proxy {

namespace {

using layers = named_readers<registry::transport_reader>;

void add_names(const layers& known, settings::choices<std::string>& to) {
  for (const auto& layer : known.all()) {
    to.emplace_back(layer.name, layer.name);
    for (const std::string_view other : names_beside(layer.name)) to.emplace_back(other, layer.name);
  }
}

/// Returns null if the name stands for no layer of the registry.
const layers::entry* read_carrier(settings& s, const layers& known) {
  std::string name = "tcp", text;
  settings::choices<std::string> names;
  add_names(known, names);
  const bool chosen = s.one_of<std::string>({"network", "The transport."}, name, names);
  const bool unknown = !chosen && s.has("network") && s.text("network", text) && !text.empty();
  return unknown ? nullptr : known.find(name);
}

/// Returns null without encryption.
const layers::entry* read_security(settings& s, const layers& known) {
  std::string name = "none";
  settings::choices<std::string> names{{name, name}};
  add_names(known, names);
  s.one_of<std::string>({"security", "Encryption of the transport."}, name, names);
  return known.find(name);
}

/// Clients write settings of all transports beside the ones that they use. Without `named`, network or
/// security is one that muxpro does not have, and its settings are not looked at.
void note_unused(settings& s, const registry& all_layers, bool named = true) {
  std::vector<std::string> names{"kcp", "quic", "http", "ds", "hysteria", "xtls"};
  for (const auto* all : {&all_layers.carriers, &all_layers.securities})
    for (const auto& layer : all->all()) names.push_back(layer.name);
  for (const std::string& name : names) {
    const std::string key = name + "Settings";
    if (!s.asked(key))
      s.pass_over(key, named ? "has no effect: network and security name other parts" : std::string());
  }
}

/// Reads "NAMESettings" of a layer, or its defaults where they are missing.
transport_factory read_factory(settings& s, const layers::entry& layer, role side,
                               const std::string& server) {
  transport_factory out;
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

// A site that REALITY imitates uses HTTP/2 with browsers, so HTTP/1 over REALITY would be conspicuous.
void refuse_carrier_over_reality(settings& s, const layers::entry* carrier, const layers::entry* security) {
  if (!carrier || !security || security->name != "reality") return;
  if (carrier->name == "ws" || carrier->name == "httpupgrade")
    s.wrong("network",
            fmt::format("is '{}'; with security reality it must be raw, grpc or xhttp", carrier->name));
}

/// Gives a carrier the properties of the security below it.
void put_on(settings& s, transport_factory& carrier, const layers::entry* security,
            const transport_factory& below) {
  if (!carrier.stand_on) return;
  const std::string why = carrier.stand_on(security ? security->name : std::string(), below.alpn);
  if (!why.empty()) s.wrong("network", why);
}

// In Xray such an outbound could put them on what it dials.
void refuse_layers(settings& s) {
  std::string none;
  s.one_of<std::string>({"network", "Must be raw: the outbound adds no transport to its connections."}, none,
                        {{"tcp", none}, {"raw", none}});
  s.one_of<std::string>({"security", "Must be none: the outbound adds no TLS to its connections."}, none,
                        {{"none", none}});
}

}  // namespace

stream_config read_dial_sockopt(settings& s, const registry& known) {
  stream_config out;
  s.object("streamSettings", [&](settings& stream) {
    read_sockopt(stream, role::client, out);
    refuse_layers(stream);
    note_unused(stream, known);
  });
  return out;
}

stream_config read_stream_object(settings& stream, const registry& known, role side,
                                 const std::string& server) {
  stream_config out;
  out.socket = keepalive_socket();
  const std::size_t before = stream.mistakes().count();
  const auto *carrier = read_carrier(stream, known.carriers),
             *security = read_security(stream, known.securities);
  const bool named = stream.mistakes().count() == before;
  if (stream.describing()) {
    describe_layers(stream, known.carriers, side);
    describe_layers(stream, known.securities, side);
  }
  refuse_carrier_over_reality(stream, carrier, security);
  out.is_reality = security && security->name == "reality";
  if (security) out.security = read_factory(stream, *security, side, server);
  const std::string& name = out.security.server_name.empty() ? server : out.security.server_name;
  if (carrier) out.carrier = read_factory(stream, *carrier, side, name);
  put_on(stream, out.carrier, security, out.security);
  if (out.security.offer) out.security.offer(out.carrier.alpn);
  note_unused(stream, known, named);
  read_sockopt(stream, side, out);
  if (out.carrier.accepts_proxy_protocol && !out.proxies)
    out.proxies = std::make_shared<const trusted_proxies>();
  return out;
}

stream_config read_stream(settings& s, const config_reading& with, role side, const std::string& server) {
  stream_config out;
  out.socket = keepalive_socket();
  const auto read = [&](settings& stream) { out = read_stream_object(stream, with.known, side, server); };
  s.object({"streamSettings", side == role::server
                                  ? "How bytes travel between clients and this inbound."
                                  : "How bytes travel to the server, for protocols that have one."},
           read);
  return out;
}

}  // namespace muxpro::proxy
