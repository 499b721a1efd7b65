#include "proxy/api/routing_messages.hpp"

#include "proxy/api/request.hpp"
#include "proxy/api/values.hpp"
#include "proxy/base/proto_writer.hpp"

#include <cstdint>

namespace muxpro::proxy {

namespace {

enum context_field : std::uint32_t {
  context_inbound = 1,
  context_network,
  context_sources,
  context_targets,
  context_source_port,
  context_target_port,
  context_domain,
  context_protocol,
  context_user,
  context_attributes,
  context_groups,
  context_outbound,
  context_local_addresses,
  context_local_port,
  context_vless_route
};

constexpr std::uint64_t network_of_udp = 3;

void read_route_target(const_bytes context, route_request& to) {
  const const_bytes address = bytes_in(context, context_targets);
  to.domain = text_in(context, context_domain);
  if (!address.empty())
    to.target.host = muxpro::address(address_in(address).to_string());
  else
    to.target.host = muxpro::address(to.domain.empty() ? "0.0.0.0" : to.domain);
  to.target.port = static_cast<std::uint16_t>(number_in(context, context_target_port));
  to.target.net = number_in(context, context_network) == network_of_udp ? network::udp : network::tcp;
}

}  // namespace

route_request route_request_in(const_bytes context) {
  route_request out;
  read_route_target(context, out);
  out.inbound_tag = text_in(context, context_inbound);
  out.user = text_in(context, context_user);
  out.protocol = text_in(context, context_protocol);
  if (const auto source = bytes_in(context, context_sources); !source.empty())
    out.source = address_in(source);
  if (const auto local = bytes_in(context, context_local_addresses); !local.empty())
    out.local = address_in(local);
  out.source_port = static_cast<std::uint16_t>(number_in(context, context_source_port));
  out.local_port = static_cast<std::uint16_t>(number_in(context, context_local_port));
  if (const auto route = number_in(context, context_vless_route))
    out.vless_route = static_cast<std::uint16_t>(route);
  each_field(context, [&](const proto_reader& in) {
    if (in.number() == context_attributes) out.attrs[text_in(in.bytes(), 1)] = text_in(in.bytes(), 2);
  });
  return out;
}

// Without the groups and the outbound that the caller may have written.
std::string route_answer(const_bytes context, std::string_view outbound) {
  proto_writer out;
  each_field(context, [&](const proto_reader& in) {
    const auto field = static_cast<std::uint32_t>(in.number());
    if (field == context_groups || field == context_outbound || field > context_vless_route) return;
    if (in.bytes().empty())
      out.number(field, in.value());
    else
      out.message(field, as_text(in.bytes()));
  });
  return out.text(context_outbound, outbound).take();
}

std::string balancer_answer(const router::balancer_state& state) {
  constexpr std::uint32_t override_field = 5, principle_field = 6, override_target = 2;
  proto_writer pinned, principle, balancer;
  pinned.text(override_target, state.pinned);
  for (const std::string& tag : state.selected) principle.message(1, tag);
  balancer.message(override_field, pinned.content()).message(principle_field, principle.content());
  proto_writer out;
  return out.message(1, balancer.content()).take();
}

std::string rules_answer(const std::vector<routing_rule>& rules) {
  proto_writer out;
  for (const routing_rule& r : rules) {
    proto_writer one;
    one.text(1, r.outbound_tag).text(2, r.rule_tag);
    out.message(1, one.content());
  }
  return out.take();
}

}  // namespace muxpro::proxy
