// RoutingService's messages. Ring 4, a rule. All throw api_refusal.
#pragma once

#include "proxy/routing/router.hpp"

#include <muxpro/codec.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// By RoutingContext, as TestRouteRequest has it.
route_request route_request_in(const_bytes routing_context);
/// Returns the answer to TestRoute, which is the context of the request with the outbound that the rules
/// choose.
std::string route_answer(const_bytes routing_context, std::string_view outbound);
/// GetBalancerInfoResponse
std::string balancer_answer(const router::balancer_state& state);
/// ListRuleResponse
std::string rules_answer(const std::vector<routing_rule>& rules);

}  // namespace muxpro::proxy
