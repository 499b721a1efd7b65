// The files that a configuration names, tried without a proxy.
#include <muxpro/proxy/configured_proxy.hpp>

#include "proxy/config/config.hpp"

#include <fmt/format.h>

#include <exception>
#include <utility>

namespace muxpro::proxy {

namespace {

void check_transport(const stream_config& s, std::string path, config_mistakes& to) {
  try {
    for (const transport_plan* p : {&s.security, &s.carrier})
      if (p->make) p->make();
  } catch (const std::exception& e) {
    to.add(std::move(path), shown(e.what(), 600));
  }
}

}  // namespace

void check_files(const config& c, config_mistakes& to) {
  for (std::size_t i = 0; i < c.inbounds.size(); ++i)
    check_transport(c.inbounds[i].stream, fmt::format("inbounds[{}].streamSettings", i), to);
  for (std::size_t i = 0; i < c.outbounds.size(); ++i)
    check_transport(c.outbounds[i].stream, fmt::format("outbounds[{}].streamSettings", i), to);
}

}  // namespace muxpro::proxy
