// A configuration file of a stranger. It is refused with mistakes that fit on a terminal, the same ones each
// time, or what it says can be made.
#include "fuzz.hpp"

#include <muxpro/proxy/config.hpp>
#include <muxpro/proxy/transports/tls.hpp>

#include <set>
#include <string>
#include <string_view>

namespace {

using namespace fuzz;
using namespace muxpro::proxy;

const transport_registry& known_transports() {
  static const transport_registry all = [] {
    transport_registry known;
    known.add("tcp", [](settings&, muxpro::role, const std::string&) { return transport_plan(); });
    known.add("tls", [](settings& s, muxpro::role side, const std::string& server) {
      const std::size_t before = s.mistakes().count();
      const tls_options o = read_tls_options(s, side, server);
      must(s.mistakes().count() != before || o.validate(side).empty(),
           "what is read without mistakes can be made");
      return transport_plan(nullptr, !o.authority.empty() || !o.pins.empty());
    });
    return known;
  }();
  return all;
}

config read_all(std::string_view text, config_mistakes& mistakes) {
  geo_files none;
  const auto root = parse_json(text, mistakes);
  must(root.has_value() == mistakes.empty(), "there is a tree, or a reason why not");
  return root ? read_config(*root, known_transports(), none, mistakes) : config();
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
    must(!std::holds_alternative<std::monostate>(o.settings), "an outbound has a protocol");
    must(o.stream.socket.validate().empty(), "options of sockets make sense");
    if (const auto* m = std::get_if<mux_config>(&o.settings))
      must(m->pool.validate().empty(), "so do a pool's");
  }
  for (const inbound_config& i : c.inbounds) {
    must(!std::holds_alternative<std::monostate>(i.settings), "an inbound has a protocol");
    must(i.sniffing.validate().empty(), "sniffing can be");
    must(std::get<socks_inbound_options>(i.settings).relay.validate().empty(), "policies make sense");
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
