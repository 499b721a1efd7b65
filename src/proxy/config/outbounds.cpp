#include "proxy/base/addresses.hpp"
#include "proxy/config/readers.hpp"
#include "proxy/policy/dial_policy.hpp"

#include <fmt/format.h>

#include <chrono>
#include <stdexcept>
#include <string>

namespace muxpro::proxy {

namespace {

/// What servers of the protocol understand is the default.
void read_multiplexer(settings& s, bool always, mux_options& to) {
  dialect& speaks = to.pool.session.speaks;
  speaks = always ? dialect::spec : dialect::mux_cool;
  s.one_of<dialect>(
      {"protocol",
       "The multiplexer: mux.cool of V2Ray and Xray, or mux.pro between two muxpro. Default: mux.pro "
       "for protocol mux.pro, else mux.cool."},
      speaks, {{"mux.cool", dialect::mux_cool}, {"mux.pro", dialect::spec}});
  if (always && speaks != dialect::spec)
    s.wrong("protocol", "is mux.cool; it must be mux.pro, which a mux.pro server speaks");
}

void read_concurrency(settings& s, bool always, mux_options& to) {
  using quic = mux_options::quic_handling;
  std::int32_t streams = static_cast<std::int32_t>(to.pool.max_concurrency), datagrams = 0;
  s.number<std::int32_t>(
      {"concurrency", "Sub-streams of one main connection at a time. 0: 8. -1: connections go without mux."},
      streams, always ? 1 : -1, 65535);
  s.number<std::int32_t>({"xudpConcurrency",
                          "Sub-streams at a time of one main connection for datagrams alone. 0: datagrams "
                          "share the other main connections. -1: datagrams go without mux."},
                         datagrams, always ? 0 : -1, always ? 0 : 65535);
  to.streams = streams >= 0;
  if (streams > 0) to.pool.max_concurrency = static_cast<std::uint32_t>(streams);
  to.datagrams = std::nullopt;
  if (datagrams >= 0) to.datagrams = static_cast<std::uint32_t>(datagrams);
  to.quic = to.pool.session.speaks == dialect::mux_cool ? quic::refused : quic::as_others;
  s.one_of<quic>(
      {"xudpProxyUDP443",
       "What becomes of QUIC, datagrams to port 443: reject refuses it, so that clients turn to TCP, allow "
       "multiplexes it as other datagrams, skip sends it as the protocol does without mux. Default: reject "
       "with mux.cool, as in Xray, allow with mux.pro."},
      to.quic, {{"reject", quic::refused}, {"allow", quic::as_others}, {"skip", quic::without_mux}});
}

void note_unused_mux(settings& s) {
  for (const char* key : {"protocol", "concurrency", "xudpConcurrency", "xudpProxyUDP443", "maxConnections",
                          "dialSpacing", "priority"})
    s.pass_over(key, "has no effect: enabled is false");
}

void read_mux(settings& s, outbound_config& to) {
  using multiplexing = outbound_plan::multiplexing;
  const bool always = to.plan.mux == multiplexing::always;
  mux_options mux;
  client_pool_options& pool = mux.pool;
  bool enabled = always;
  s.flag({"enabled",
          "Whether connections are sub-streams of main connections. Always true for protocol mux.pro; for "
          "other protocols the server must take the multiplexer (see mainConnections)."},
         enabled);
  if (s.has("enabled") && !enabled && !always) return note_unused_mux(s);
  read_multiplexer(s, always, mux);
  read_concurrency(s, always, mux);
  s.number<std::uint32_t>({"maxConnections", "Main connections of each thread."}, pool.max_connections, 1,
                          65535);
  s.time({"dialSpacing",
          "Least time between two dials of a thread, for servers that limit new connections. 0: as many at "
          "once as waiting connections need, up to maxConnections."},
         pool.dial_spacing, std::chrono::seconds(1), 0, 60);
  s.number<std::uint8_t>({"priority",
                          "The priority of sub-streams if neither a rule's muxPriority nor the client's own "
                          "sub-stream sets one. 255 gets an eighth of what 0 gets."},
                         mux.priority, 0);
  if (always && !enabled)
    s.wrong(
        "enabled",
        "is false; it must be true: a mux.pro server takes sub-streams only, and concurrency 1 gives each "
        "connection a main connection of its own");
  if (mux.streams && pool.session.speaks == dialect::mux_cool && !to.stream.carrier.takes_mux_cool_streams)
    s.wrong("protocol",
            "is mux.cool over network xhttp, whose servers take only datagrams by it; it must be mux.pro, "
            "concurrency -1, or enabled false");
  if (enabled && mux.streams && pool.session.speaks == dialect::mux_cool && to.stream.carrier.multiplexes)
    s.note("enabled",
           "is true over network grpc, whose calls share one HTTP/2 connection anyway: by Mux.Cool a slow "
           "connection also holds up the others of its call");
  if (enabled && to.plan.mux == multiplexing::never && !to.protocol.empty())
    s.wrong("enabled", fmt::format("is true; it must be false: protocol {} does not use main connections",
                                   sanitized(to.protocol)));
  if (always || (enabled && to.plan.mux == multiplexing::possible)) to.mux = mux;
}

// The bytes would be readable on the way to a public address. The addresses of names are not resolved here,
// see warnings_of().
void refuse_in_clear(settings& s, const outbound_config& o) {
  const auto& server = o.plan.server;
  if (!is_in_clear(o) || server->at.host.is_domain() || is_private(to_asio(server->at.host.octets()))) return;
  s.wrong("streamSettings", fmt::format("has no security, and {} is a public address: protocol {} does not "
                                        "encrypt; \"security\": \"tls\" does",
                                        server->at.host.to_string(), o.protocol));
}

void require_security_on_socket(settings& s, const outbound_config& o) {
  if (o.plan.needs_security_on_socket && (!o.stream.security.make || o.stream.carrier.make))
    s.wrong("streamSettings",
            "must have security tls or reality, and network raw, for flow xtls-rprx-vision");
}

void read_source(settings& s, outbound_config& to) {
  std::string text;
  if (!s.text({"sendThrough", "The address of this machine that connections come from; default: any."},
              text) ||
      text.empty())
    return;
  if (!not_had_value("sendThrough", text).empty()) return s.not_one_of("sendThrough", text, {});
  std::error_code bad;
  const auto source = asio::ip::make_address(text, bad);
  if (bad)
    s.wrong("sendThrough", fmt::format("is '{}'; it must be an address of this machine", sanitized(text)));
  else if (!to.plan.dials && !to.plan.server)
    s.note("sendThrough", fmt::format("has no effect: {} dials nothing", sanitized(to.protocol)));
  else if (!source.is_unspecified())
    to.stream.socket.source = source;
}

/// In Xray any outbound may resolve the names of targets itself. The name stays here where a server gets it.
void read_target_strategy(settings& s, outbound_config& to) {
  dial_family family = dial_family::any;
  const bool is_there = s.one_of<dial_family>(
      {"targetStrategy",
       "Which addresses of targets' names are dialled, as domainStrategy of freedom, for outbounds that dial "
       "targets themselves."},
      family, families_by_strategy());
  std::string name;
  if (to.plan.dials)
    to.stream.family = to.stream.family == dial_family::any ? family : to.stream.family;
  else if (is_there && s.text("targetStrategy", name) && !same_word(name, "AsIs"))
    s.note("targetStrategy",
           fmt::format("has no effect: {}", to.plan.server
                                                ? "the server gets the names of targets, and resolves them"
                                                : "names are not looked up here"));
}

void take_lists(settings& own, geo_files& geo, outbound_plan& plan) {
  if (!plan.take_lists || own.describing()) return;
  try {
    plan.take_lists(geo, plan);
  } catch (const std::invalid_argument& e) {
    report(own, e.what());
  }
}

}  // namespace

bool is_in_clear(const outbound_config& o) {
  const auto& server = o.plan.server;
  return o.plan.in_clear && server && !server->is_unix() && !o.stream.security.make;
}

outbound_config read_outbound(settings& s, const config_reading& with) {
  outbound_config to;
  to.known = read_protocol(s, with.known.outbounds, to.protocol, [&](const auto& p, settings& own) {
    p.read(own, to.plan);
    take_lists(own, with.geo, to.plan);
  });
  to.tag = to.protocol;
  s.text({"tag", "The outbound's name in rules, logs and counters; default: the protocol."}, to.tag);
  const auto& server = to.plan.server;
  const std::string host = server && !server->is_unix() ? server->at.host.to_string() : std::string();
  if (!to.known)
    to.stream = read_stream(s, with, role::client, "unknown.invalid");  // for its own mistakes
  else if (to.plan.dials)
    to.stream = read_dial_sockopt(s, with.known);
  else if (!server && s.has("streamSettings"))
    s.note("streamSettings", fmt::format("has no effect: {} dials nothing", sanitized(to.protocol)));
  else
    to.stream = read_stream(s, with, role::client, host);
  read_target_strategy(s, to);
  read_chain(s, to);
  read_source(s, to);
  refuse_in_clear(s, to);
  require_security_on_socket(s, to);
  if (to.plan.mux == outbound_plan::multiplexing::always) to.mux.emplace();
  s.object({"mux", "Multiplexing over main connections, for protocols with a server that is a proxy."},
           [&](settings& m) { read_mux(m, to); });
  return to;
}

}  // namespace muxpro::proxy
