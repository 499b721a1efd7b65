#include "proxy/engine/server_config.hpp"

#include <muxpro/option_range.hpp>

#include <chrono>
#include <utility>

namespace muxpro::proxy {

server_options server_options::scaled(double factor) const {
  server_options out = *this;
  out.inbound = inbound.scaled(factor);
  out.direct = direct.scaled(factor);
  for (duration* d : {&out.socket.user_timeout, &out.drain_timeout, &out.first_byte})
    *d = std::chrono::duration_cast<duration>(*d / factor);
  return out;
}

std::string server_options::validate() const {
  constexpr double day = 86400;
  std::string mistake = inbound.validate();
  if (mistake.empty()) mistake = direct.validate();
  if (mistake.empty())
    mistake = out_of_range<double>({{"drain_timeout (s)", seconds_of(drain_timeout), 0.001, day},
                                    {"first_byte (s)", seconds_of(first_byte), 0.001, day}});
  return mistake;
}

config server_config(const server_options& o) {
  config c;
  c.log.access_lines = 10;
  c.log.detail = access_detail::brief;
  inbound_config in;
  in.tag = "server";
  in.protocol = "mux.pro";
  in.stream.socket = o.socket;
  in.plan = plan_of(o.inbound);
  c.inbounds.push_back(std::move(in));
  outbound_config out;
  out.tag = "direct";
  out.protocol = "freedom";
  out.plan = plan_of(o.direct);
  c.outbounds.push_back(std::move(out));
  c.outbound_policy.relay = o.inbound.relay;
  c.drain_timeout = o.drain_timeout;
  c.first_byte = o.first_byte;
  return c;
}

}  // namespace muxpro::proxy
