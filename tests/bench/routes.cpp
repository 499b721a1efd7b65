#include "routes.hpp"

#include "arguments.hpp"

#include "proxy/routing/router.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>

namespace bench {

namespace {

using namespace muxpro::proxy;

constexpr unsigned names = 20'000, blocks = 10'000, connections = 10'000;

std::string name_of(unsigned i) { return "host-" + std::to_string(i % names) + ".example.com"; }
std::string block_of(unsigned i) {
  return std::to_string(1 + i / 1000) + '.' + std::to_string(i / 4 % 250) + '.' + std::to_string(i % 4) +
         ".0";
}

routing_rule rule_to_a() {
  routing_rule r;
  r.outbound_tag = "a";
  return r;
}

router_options rules() {
  router_options o;
  o.outbound_tags = {"first", "a"};
  for (unsigned i = 0; i < names; ++i) {
    routing_rule r = rule_to_a();
    r.domain = {(i % 2 ? "domain:" : "full:") + name_of(i)};
    o.rules.push_back(std::move(r));
  }
  routing_rule many = rule_to_a();
  for (unsigned i = 0; i < blocks; ++i) many.ip.push_back(block_of(i) + "/25");
  o.rules.push_back(std::move(many));
  return o;
}

}  // namespace

void count_routes() {
  geo_files none;
  const router r(rules(), none);
  route_request request;
  for (unsigned i = 0; i < connections; ++i) {
    const unsigned far_apart = i * 7919;
    const std::string host = i % 2 ? name_of(far_apart) : block_of(far_apart % blocks);
    request.target = {muxpro::network::tcp, host, 443};
    if (r.route(request)->outbound_tag != "a") throw failure(fmt::format("no rule matches {}", host));
  }
}

}  // namespace bench
