#include "proxy/routing/router.hpp"

#include "proxy/base/addresses.hpp"
#include "proxy/policy/dial_policy.hpp"
#include "proxy/routing/balancer.hpp"
#include "proxy/routing/config_error.hpp"
#include "proxy/routing/domain_index.hpp"
#include "proxy/routing/rule.hpp"

#include <muxpro/proxy/context.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <utility>

namespace muxpro::proxy {

namespace {

using address_span = std::span<const asio::ip::address>;

bool is_empty(const routing_rule& r) {
  return r.domain.empty() && r.ip.empty() && r.source_ip.empty() && r.port.empty() && r.source_port.empty() &&
         r.network.empty() && r.inbound_tag.empty() && r.user.empty() && r.protocol.empty() &&
         r.attrs.empty() && r.local_ip.empty() && r.local_port.empty() && r.vless_route.empty() &&
         r.process.empty();
}

// Returns the name that rules about domains match. Empty without one.
std::string name_in(const route_request& r) {
  return normalized(r.domain.empty() ? r.target.host.domain() : std::string_view(r.domain));
}

}  // namespace

struct router::tables {
  struct entry {
    rule conditions;
    std::string outbound_tag;
    const balancer* chooser = nullptr;  ///< if there is no tag
    std::optional<std::uint8_t> priority;
  };

  tables(const router_options& options, geo_files& geo, outbound_load l, outbound_measurements m);
  void add_balancer(const router_options& options, const balancer_options& from);
  void add_rule(const router_options& options, std::size_t number, geo_files& geo);
  void set_target(const router_options& options, const routing_rule& from, entry& to);

  template <class Visit>
  void each_candidate(const std::string& name, Visit visit) const;
  std::optional<route_decision> decide(const route_request& r, const address_span* resolved) const;
  route_decision decision(std::size_t number) const;

  outbound_load load;
  outbound_measurements measured;
  domain_strategy strategy;
  std::string default_tag;
  std::map<std::string, balancer, std::less<>> balancers;
  std::vector<entry> entries;
  /// Rules by their domains, and those without domains.
  domain_index by_domain;
  std::vector<domain_index::value> without_domain;
};

router::tables::tables(const router_options& options, geo_files& geo, outbound_load l,
                       outbound_measurements m)
    : load(std::move(l)), measured(std::move(m)), strategy(options.strategy) {
  if (options.outbound_tags.empty()) check("outbound_tags", "", "it must name all outbounds");
  default_tag = options.outbound_tags.front();
  for (std::size_t i = 0; i < options.balancers.size(); ++i)
    with_error_prefix(fmt::format("balancers[{}].", i), [&] { add_balancer(options, options.balancers[i]); });
  for (std::size_t i = 0; i < options.rules.size(); ++i)
    with_error_prefix(fmt::format("rules[{}].", i), [&] { add_rule(options, i, geo); });
  if (const std::string mistake = by_domain.finish(); !mistake.empty())
    throw std::invalid_argument("rules: " + mistake);
}

void router::tables::add_balancer(const router_options& options, const balancer_options& from) {
  if (from.tag.empty() || balancers.count(from.tag) != 0)
    check("tag", from.tag, "it must be a name that no other balancer has");
  balancers.try_emplace(from.tag, from, options.outbound_tags, options.seed);
}

void router::tables::add_rule(const router_options& options, std::size_t number, geo_files& geo) {
  const routing_rule& from = options.rules[number];
  if (is_empty(from)) check("network", "", "and so is every other field; tcp,udp matches everything");
  const auto value = static_cast<domain_index::value>(number);
  for (const std::string& text : from.domain)
    check("domain", text, add_domain_rule(by_domain, text, value, geo));
  if (from.domain.empty()) without_domain.push_back(value);
  entries.push_back({rule(from, geo), {}, nullptr, from.mux_priority});
  set_target(options, from, entries.back());
}

void router::tables::set_target(const router_options& options, const routing_rule& from, entry& to) {
  const auto& tags = options.outbound_tags;
  to.outbound_tag = from.outbound_tag;
  if (from.outbound_tag.empty() && !from.balancer_tag.empty()) {
    const auto found = balancers.find(from.balancer_tag);
    if (found == balancers.end()) {
      std::vector<std::string> names;
      for (const auto& b : balancers) names.push_back(b.first);
      check("balancer_tag", from.balancer_tag, fmt::format("it must be one of {}", fmt::join(names, ", ")));
    }
    to.chooser = &found->second;
  } else if (std::find(tags.begin(), tags.end(), from.outbound_tag) == tags.end()) {
    check("outbound_tag", from.outbound_tag, fmt::format("it must be one of {}", fmt::join(tags, ", ")));
  }
}

// Rules whose domains match and rules without domains, in the order of all rules, until `visit` returns true.
template <class Visit>
void router::tables::each_candidate(const std::string& name, Visit visit) const {
  const auto matching = by_domain.find(name);
  auto a = matching.begin();
  auto b = without_domain.begin();
  while (a != matching.end() || b != without_domain.end()) {
    const bool first = b == without_domain.end() || (a != matching.end() && *a < *b);
    if (visit(first ? *a++ : *b++)) return;
  }
}

std::optional<route_decision> router::tables::decide(const route_request& r,
                                                     const address_span* resolved) const {
  std::array<asio::ip::address, 1> literal;
  address_span addresses = resolved ? *resolved : address_span();
  const bool is_literal = !r.target.host.is_domain();
  if (is_literal) addresses = literal = {to_asio(r.target.host.octets())};
  const bool may_ask = !is_literal && !resolved && r.may_resolve && strategy != domain_strategy::as_is;

  std::optional<std::size_t> matched;
  bool ask = false;
  each_candidate(name_in(r), [&](std::size_t number) {
    const rule& conditions = entries[number].conditions;
    if (!conditions.match_rest(r)) return false;
    if (!conditions.has_ip() || conditions.match_ip(addresses))
      matched = number;
    else
      ask |= may_ask;
    return matched || (ask && strategy == domain_strategy::ip_on_demand);
  });
  if (matched) return decision(*matched);
  if (ask) return std::nullopt;
  return route_decision{default_tag, std::nullopt, std::nullopt};
}

route_decision router::tables::decision(std::size_t number) const {
  const entry& e = entries[number];
  return {e.chooser ? e.chooser->choose(load, measured) : e.outbound_tag, number, e.priority};
}

router::router(const router_options& options, geo_files& geo, outbound_load load,
               outbound_measurements measured)
    : by_content_(std::any_of(options.rules.begin(), options.rules.end(),
                              [](const routing_rule& r) { return !r.protocol.empty() || !r.attrs.empty(); })),
      by_process_(std::any_of(options.rules.begin(), options.rules.end(),
                              [](const routing_rule& r) { return !r.process.empty(); })),
      tables_(std::make_unique<tables>(options, geo, std::move(load), std::move(measured))) {}
router::router(router&&) noexcept = default;
router::~router() = default;

std::optional<route_decision> router::route(const route_request& request) const {
  return tables_->decide(request, nullptr);
}

route_decision router::route(const route_request& request,
                             std::span<const asio::ip::address> resolved) const {
  return *tables_->decide(request, &resolved);
}

std::optional<router::balancer_state> router::state_of(std::string_view balancer_tag) const {
  const auto found = tables_->balancers.find(balancer_tag);
  if (found == tables_->balancers.end()) return std::nullopt;
  return balancer_state{found->second.selected(), found->second.pinned()};
}

bool router::pin(std::string_view balancer_tag, std::string_view outbound_tag) const {
  const auto found = tables_->balancers.find(balancer_tag);
  return found != tables_->balancers.end() && found->second.pin(outbound_tag);
}

route_request request_of(const context& ctx) {
  route_request r;
  r.target = ctx.outbound.target;
  if (ctx.outbound.route_target) r.domain = ctx.outbound.route_target->host.domain();
  r.source = ctx.inbound.source;
  r.source_port = ctx.inbound.source_port;
  r.local = ctx.inbound.gateway;
  r.local_port = ctx.inbound.gateway_port;
  r.vless_route = ctx.inbound.vless_route;
  r.inbound_tag = ctx.inbound.tag;
  r.user = ctx.inbound.user.name;
  r.protocol = ctx.content.protocol;
  r.attrs = ctx.content.attributes;
  return r;
}

}  // namespace muxpro::proxy
