#include "parts.hpp"

#include <fmt/format.h>

namespace muxpro::proxy {

namespace {

socket_options read_sockopt(settings& s, socket_options o) {
  const duration second = std::chrono::seconds(1), millisecond = std::chrono::milliseconds(1);
  s.flag("tcpNoDelay", o.no_delay);
  s.flag("tcpFastOpen", o.fast_open);
  s.time("tcpKeepAliveIdle", o.keep_alive_idle, second, 0, 32767);
  s.time("tcpKeepAliveInterval", o.keep_alive_interval, second, 1, 32767);
  s.time("tcpUserTimeout", o.user_timeout, millisecond, 0, 86'400'000);
  s.one_of<bool>("tproxy", o.transparent, {{"off", false}, {"redirect", false}, {"tproxy", true}});
  return o;
}

// The one that encrypts, if there is one, else the one that carries.
std::string transport_name(settings& s, const transport_registry& known) {
  std::string network = "tcp", security = "none";
  s.text("network", network);
  if (network == "raw") network = "tcp";  // Xray's newer name
  if (!known.find(network)) {
    std::vector<std::string_view> names = known.names();
    names.emplace_back("raw");
    s.not_one_of("network", network, names);
    network = "tcp";  // a name that nobody knows names no key
  }
  s.one_of<std::string>("security", security, {{"none", "none"}, {"tls", "tls"}});
  return security == "none" ? network : security;
}

}  // namespace

stream_config read_stream(settings& s, const config_reading& with, role side, const std::string& server) {
  stream_config out;
  out.socket = lasting_socket();
  const auto read = [&](settings& stream) {
    const std::string name = transport_name(stream, with.transports);
    const auto* reader = with.transports.find(name);
    const std::string key = name + "Settings";
    const auto plan = [&](settings& own) {
      if (reader) out.transport = (*reader)(own, side, server);
    };
    if (stream.has(key))
      stream.object(key, plan);
    else
      settings::read(setting(setting::object()), stream.path(key), stream.mistakes(), plan);
    stream.object("sockopt", [&](settings& o) { out.socket = read_sockopt(o, out.socket); });
  };
  s.object("streamSettings", read);
  return out;
}

}  // namespace muxpro::proxy
