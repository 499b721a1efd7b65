// A configuration file of a stranger. It is refused with mistakes that fit on a terminal, the same ones each
// time, or a proxy can be made from it.
#include "fuzz.hpp"

#include "proxy/config/config.hpp"
#include "proxy/inbound/dns.hpp"
#include "proxy/inbound/dokodemo.hpp"
#include "proxy/inbound/mixed.hpp"
#include "proxy/transport/tls.hpp"

#include <set>
#include <string>
#include <string_view>

namespace {

using namespace fuzz;
using namespace muxpro::proxy;

/// TLS is checked in addition: what is read without mistakes can be made.
const registry& known_parts() {
  static const registry all = [] {
    registry known = registry::global();
    known.securities = {};
    known.securities.add("tls", "", [](settings& s, muxpro::role side, const std::string& server) {
      const std::size_t before = s.mistakes().count();
      const tls_options o = read_tls_options(s, side, server);
      must(s.mistakes().count() != before || o.validate(side).empty(),
           "what is read without mistakes can be made");
      return transport_factory(nullptr, !o.authority.empty() || !o.pins.empty());
    });
    return known;
  }();
  return all;
}

template <class... Options>
void policies_make_sense(const inbound_plan& plan) {
  const auto check = [](const auto* o) { must(!o || o->relay.validate().empty(), "policies make sense"); };
  (check(std::any_cast<Options>(&plan.options)), ...);
}

config read_all(std::string_view text, config_mistakes& mistakes) {
  geo_files none;
  const auto root = parse_json(text, mistakes);
  must(root.has_value() == mistakes.empty(), "there is a tree, or a reason why not");
  return root ? read_config(*root, known_parts(), none, mistakes) : config();
}

void fits_on_a_line(const std::string& text) {
  must(text.size() < 4000, "a mistake has an end");
  for (const char c : text) must(c < 0 || (c >= ' ' && c != '\x7f'), "a mistake is one line of text");
}

void can_be_made(const config& c) {
  must(!c.inbounds.empty() && !c.outbounds.empty(), "there is a way in, and one out");
  std::set<std::string> tags;
  for (const outbound_config& o : c.outbounds) {
    must(tags.insert(o.tag).second, "tags of outbounds are their own");
    must(static_cast<bool>(o.plan.make), "an outbound has a protocol");
    must(o.stream.socket.validate().empty(), "options of sockets make sense");
    must(!o.mux || o.mux->pool.validate().empty(), "so do a pool's");
  }
  for (const inbound_config& i : c.inbounds) {
    must(static_cast<bool>(i.plan.make), "an inbound has a protocol");
    must(i.sniffing.validate().empty(), "sniffing can be");
    policies_make_sense<socks_inbound_options, http_inbound_options, mixed_inbound_options,
                        dokodemo_inbound_options, dns_inbound_options, mux_inbound_options>(i.plan);
  }
  must(c.outbound_policy.relay.validate().empty(), "those of outbounds, too");
  geo_files none;
  const router works(c.routing, none);
}

}  // namespace

FUZZ_TARGET(fuzz_config) {
  const std::string_view text(reinterpret_cast<const char*>(in.data()), in.size());
  config_mistakes first, second;
  const config c = read_all(text, first);
  read_all(text, second);
  must(first.all() == second.all(), "the same text has the same mistakes");
  for (const config_mistake& m : first.all()) {
    must(!m.sentence.empty(), "a mistake says something");
    fits_on_a_line(m.path);
    fits_on_a_line(m.sentence);
  }
  if (first.empty()) can_be_made(c);
}
