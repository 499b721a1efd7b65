// configured_proxy::impl: the API's calls that read and change the rules and balancers of a running proxy.
#include "proxy/engine/configured_proxy_impl.hpp"

#include "proxy/config/readers.hpp"
#include "proxy/dial/route_by.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace muxpro::proxy {

std::string configured_proxy::impl::route(const route_request& request) {
  const std::lock_guard lock(changing);
  if (!chooser) return routing_now.outbound_tags.front();
  if (const auto decided = chooser->route(request)) return decided->outbound_tag;
  return chooser->route(request, {}).outbound_tag;
}

namespace {

api_refusal unknown_balancer(const std::string& tag) {
  return {api_code::not_found, fmt::format("cannot find tag: {}", sanitized(tag))};
}

void refuse_rules_with_one_tag(const std::vector<routing_rule>& all) {
  std::set<std::string> tags;
  for (const routing_rule& r : all)
    if (!r.rule_tag.empty() && !tags.insert(r.rule_tag).second)
      throw api_refusal(api_code::already_exists, fmt::format("duplicate ruleTag {}", sanitized(r.rule_tag)));
}

}  // namespace

router::balancer_state configured_proxy::impl::balancer(const std::string& tag) {
  const std::lock_guard lock(changing);
  auto state = chooser ? chooser->state_of(tag) : std::nullopt;
  if (!state) throw unknown_balancer(tag);
  return *state;
}

void configured_proxy::impl::override_balancer(const std::string& tag, const std::string& outbound) {
  const std::lock_guard lock(changing);
  if (!chooser || !chooser->state_of(tag)) throw unknown_balancer(tag);
  if (!chooser->pin(tag, outbound))
    throw api_refusal(api_code::not_found, fmt::format("there is no outbound {}", sanitized(outbound)));
  if (outbound.empty())
    overridden.erase(tag);
  else
    overridden[tag] = outbound;
}

// The router is made anew, because it holds the tags of all outbounds.
void configured_proxy::impl::use_rules(const router_options& o) {
  running->change([this, r = chooser, p = possible(o)](dispatcher& to) {
    to.route_by(by_rules(r, shared.names), r->by_content(), p);
  });
}

void configured_proxy::impl::reroute() {
  if (!chooser) return;
  geo_files geo = lists.unread();
  route(routing_now, geo);
  use_rules(routing_now);
}

void configured_proxy::impl::add_rules(const setting& routing, bool append) {
  const std::lock_guard lock(changing);
  router_options changed = routing_now;
  if (!append) {
    changed.rules.clear();
    changed.balancers.clear();
  }
  std::vector<std::string> tags = began.names_tags;
  for (const inbound_config& i : began.inbounds) tags.push_back(i.tag);
  if (began.api && began.api->has("HandlerService")) tags.clear();
  config_mistakes mistakes;
  geo_files geo = lists.unread();
  settings::read(routing, "routing", mistakes, [&](settings& s) { read_routing(s, changed, geo, tags); });
  if (!mistakes.empty())
    throw api_refusal(api_code::invalid_argument,
                      fmt::format("{}: {}", mistakes.all().front().path, mistakes.all().front().sentence));
  refuse_rules_with_one_tag(changed.rules);
  route(changed, geo);
  if (!append) {  // its balancers are others
    overridden.clear();
    for (const balancer_options& one : changed.balancers) chooser->pin(one.tag, "");
  }
  use_rules(changed);
  routing_now = std::move(changed);
}

void configured_proxy::impl::remove_rule(const std::string& rule_tag) {
  const std::lock_guard lock(changing);
  if (rule_tag.empty()) throw api_refusal(api_code::invalid_argument, "empty tag name!");
  const auto is_it = [&](const routing_rule& r) { return r.rule_tag == rule_tag; };
  if (std::erase_if(routing_now.rules, is_it) > 0) reroute();
}

std::vector<routing_rule> configured_proxy::impl::rules() {
  const std::lock_guard lock(changing);
  return routing_now.rules;
}

}  // namespace muxpro::proxy
