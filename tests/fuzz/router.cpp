// Rules and geo data of a stranger, and what he asks for. Rules are refused in a sentence or can be asked; a
// decision names an outbound, is made once addresses are known, and is the one of the first rule that matches
// alone.
#include "fuzz.hpp"

#include "proxy/routing/router.hpp"

#include <array>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

using namespace fuzz;
using namespace muxpro::proxy;

const std::vector<std::string> outbounds{"first", "a", "b"};

std::optional<router> made(const router_options& o, geo_files& geo) {
  try {
    return router(o, geo);
  } catch (const std::invalid_argument& e) {
    must(std::string_view(e.what()).starts_with("rules"), "a mistake says where it is");
    return std::nullopt;
  }
}

std::string_view text_of(const_bytes b) { return {reinterpret_cast<const char*>(b.data()), b.size()}; }

std::vector<std::string> lines(std::string_view text) {
  std::vector<std::string> all;
  while (!text.empty() && all.size() < 32) {
    const auto end = std::min(text.find('\n'), text.size());
    all.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return all;
}

void set_field(routing_rule& r, std::size_t which, const std::string& text) {
  switch (which) {
    case 0:
    case 1: r.domain.push_back(text); break;
    case 2: r.ip.push_back(text); break;
    case 3: r.source_ip.push_back(text); break;
    case 4: r.port = text; break;
    case 5: r.source_port = text; break;
    case 6: r.network = text; break;
    case 7: r.user.push_back(text); break;
    case 8: r.protocol.push_back(text); break;
    case 9: r.inbound_tag.push_back(text); break;
    default: r.attrs[text.substr(0, text.find(':'))] = text; break;
  }
}

route_request request_of_choices(choices& c, const std::vector<std::string>& texts) {
  constexpr std::array<const char*, 6> hosts{"www.example.com", "10.1.2.3", "2001:db8::1",
                                             "EXAMPLE.com.",    "..",       "::ffff:1.2.3.4"};
  route_request r;
  const auto some = [&] { return texts.empty() ? std::string() : texts[c.below(texts.size())]; };
  r.target.host = c.flag() ? muxpro::address(hosts[c.below(hosts.size())]) : muxpro::address(some());
  r.target.port = c.word();
  r.target.net = c.flag() ? muxpro::network::udp : muxpro::network::tcp;
  if (c.flag()) r.domain = some();
  if (c.flag()) r.source = asio::ip::make_address("192.0.2.1");
  if (c.flag()) r.user = some();
  if (c.flag()) r.protocol = some();
  if (c.flag()) r.attrs["x"] = some();
  r.may_resolve = c.below(4) != 0;
  return r;
}

route_decision final_decision(const router& r, const route_request& request, bool& asked) {
  const std::vector<asio::ip::address> resolved{asio::ip::make_address("10.9.8.7")};
  const auto decided = r.route(request);
  asked = !decided;
  return decided ? *decided : r.route(request, resolved);
}

// Each rule alone decides as all of them in their order.
void first_one_wins(const router_options& o, geo_files& geo, const router& all,
                    const route_request& request) {
  bool asked = false;
  const route_decision d = final_decision(all, request, asked);
  must(std::find(outbounds.begin(), outbounds.end(), d.outbound_tag) != outbounds.end(),
       "a decision names an outbound");
  must(!asked || (request.may_resolve && request.target.host.is_domain()), "only names are asked for");
  for (std::size_t i = 0; i < o.rules.size(); ++i) {
    router_options one = o;
    one.rules = {o.rules[i]};
    one.strategy = domain_strategy::as_is;
    const bool matches = made(one, geo)->route(request)->rule.has_value();
    if (d.rule && i == *d.rule) return;
    if (!asked && o.strategy == domain_strategy::as_is)
      must(!matches, "no rule in front of the first one matches");
  }
}

void rules(script& s) {
  router_options o;
  o.outbound_tags = outbounds;
  o.strategy = static_cast<domain_strategy>(s.decide.below(3));
  const auto texts = lines(text_of(s.wire));
  for (const std::string& text : texts) {
    if (o.rules.empty() || s.decide.flag()) {
      o.rules.emplace_back();
      o.rules.back().outbound_tag = outbounds[s.decide.below(3)];
    }
    set_field(o.rules.back(), s.decide.below(11), text);
  }
  geo_files none;
  const auto r = made(o, none);
  for (int i = 0; r && i < 3; ++i) first_one_wins(o, none, *r, request_of_choices(s.decide, texts));
}

void geo_data(script& s) {
  geo_files geo;
  geo.add("geosite.dat", {s.wire.begin(), s.wire.end()});
  geo.add("geoip.dat", {s.wire.begin(), s.wire.end()});
  router_options o;
  o.outbound_tags = outbounds;
  o.rules.resize(1);
  o.rules[0].outbound_tag = "a";
  if (s.decide.flag())
    o.rules[0].domain = {s.decide.flag() ? "geosite:cn" : "geosite:cn@ads"};
  else
    o.rules[0].ip = {s.decide.flag() ? "geoip:cn" : "!geoip:cn"};
  const auto r = made(o, geo);
  for (int i = 0; r && i < 3; ++i) first_one_wins(o, geo, *r, request_of_choices(s.decide, {"example.cn"}));
}

}  // namespace

FUZZ_TARGET(fuzz_router) {
  script s(in);
  if (s.decide.below(3) == 0) return geo_data(s);
  rules(s);
}
