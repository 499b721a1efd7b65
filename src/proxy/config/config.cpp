#include "proxy/config/changes.hpp"
#include "proxy/config/readers.hpp"
#include "proxy/policy/dial_policy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace muxpro::proxy {

namespace {

void read_log_level(settings& s, log_config& to) {
  using level = std::optional<log_level>;
  s.one_of<level>(
      {"loglevel",
       "The lowest level of the lines that are logged. none: nothing is logged, not even connections."},
      to.level,
      {{"debug", log_level::debug},
       {"info", log_level::info},
       {"warning", log_level::warning},
       {"error", log_level::error},
       {"none", std::nullopt},
       {"warn", log_level::warning}});
}

void read_log_files(settings& s, log_config& to) {
  s.text({"error",
          "The file of the log; default: standard error. SIGHUP opens it again. none: only connections are "
          "logged, if access has a file."},
         to.file);
  std::string access;
  if (s.text({"access",
              "The file for one line about each connection. Empty: the lines go to the log at every level "
              "except none. none: these lines are not written. The user is the name of the account, or of "
              "the client's certificate: its common name if an authority has signed it, sha256: and its pin "
              "if only pins are checked."},
             access))
    to.access = access;
  if (access == "none" || !to.level) to.access.reset();
  if (to.file == "none") {
    to.file = "/dev/null";
    if (to.level && to.access && to.access->empty())
      s.note("error",
             "is 'none': lines about connections are not written either, because access has no file");
  }
}

void read_log_forms(settings& s, log_config& to) {
  to.as_xray = true;
  s.one_of<bool>({"accessFormat",
                  "xray: a line when the outbound has been chosen, as Xray writes it: from SOURCE accepted "
                  "TARGET [INBOUND -> OUTBOUND] email: USER. muxpro: a line at the end, with bytes, time and "
                  "how it ended; without a file at level info."},
                 to.as_xray, {{"xray", true}, {"muxpro", false}});
  s.one_of<address_mask>({"maskAddress",
                          "The part of IP addresses that is hidden in all lines: quarter, half or full. "
                          "/16+/32 shows so many bits of IPv4 and IPv6."},
                         to.mask,
                         {{"none", address_mask::none},
                          {"quarter", address_mask::quarter},
                          {"half", address_mask::half},
                          {"full", address_mask::full},
                          {"/8+/32", address_mask::quarter},
                          {"/16+/32", address_mask::half},
                          {"/24+/32", address_mask::three_quarters},
                          {"/16+/64", address_mask::half}});
}

void read_log(settings& s, log_config& to) {
  read_log_level(s, to);
  read_log_files(s, to);
  read_log_forms(s, to);
  s.flag({"dnsLog", "Log each DNS query as well."}, to.dns);
}

void read_policy(settings& s, policy_levels& to) {
  to.read(s);
  s.object({"system", "Accepted from Xray's configurations, without effect."}, [](settings& system) {
    bool counted = true;
    for (const char* side : {"Inbound", "Outbound"})
      for (const char* direction : {"Uplink", "Downlink"})
        system.flag({fmt::format("stats{}{}", side, direction), "Without effect: traffic is always counted."},
                    counted);
  });
}

/// Returns the tag of a part without one, which is the protocol, with a number if another part has that
/// already.
template <class Part>
void name_untagged(settings& s, const std::vector<Part>& others, Part& one) {
  const std::string protocol = one.protocol;
  const auto is_taken = [&](const Part& other) { return other.tag == one.tag; };
  if (s.has("tag") && !one.tag.empty()) return;
  one.tag = protocol;
  for (int n = 2; std::any_of(others.begin(), others.end(), is_taken); ++n)
    one.tag = fmt::format("{} {}", protocol, n);
}

void read_inbounds(settings& s, config& to, config_reading& with) {
  if (!s.needs("inbounds", "a list of at least one object")) return;
  s.objects(
      {"inbounds", "Where clients connect, and which protocol they use."}, [&](settings& i, std::size_t) {
        inbound_config next = read_inbound(i, with);
        name_untagged(i, to.inbounds, next);
        for (const inbound_config& other : to.inbounds)
          if (i.has("tag") && other.tag == next.tag)
            i.wrong("tag",
                    fmt::format("is '{}'; it must be a name that no other inbound has", sanitized(next.tag)));
        to.inbounds.push_back(std::move(next));
      });
}

void read_outbounds(settings& s, config& to, config_reading& with) {
  if (!s.needs("outbounds", "a list of at least one object; the first one is the default")) return;
  s.objects(
      {"outbounds", "How targets are reached. The first outbound serves connections that match no rule."},
      [&](settings& o, std::size_t) {
        outbound_config next = read_outbound(o, with);
        name_untagged(o, to.outbounds, next);
        for (const outbound_config& other : to.outbounds)
          if (other.tag == next.tag)
            o.wrong("tag", fmt::format("is '{}'; it must be a name that no other outbound has",
                                       sanitized(next.tag)));
        to.routing.outbound_tags.push_back(next.tag);
        to.outbounds.push_back(std::move(next));
      });
}

void read_own_addresses(settings& s, config& to) {
  std::vector<std::string> texts;
  s.texts(
      {"ownAddresses",
       "IP addresses under which others reach this machine though no interface has them, such as that of a "
       "NAT in front of it. An outbound that dials no private targets refuses them."},
      texts);
  for (const std::string& text : texts) {
    std::error_code bad;
    to.own_addresses.push_back(unmapped(asio::ip::make_address(text, bad)));
    if (bad)
      s.wrong("ownAddresses", fmt::format("has '{}'; it must be a list of IP addresses", sanitized(text)));
  }
}

/// Adds all texts below `s` with the key "tag", or "inboundTag".
void add_tags(const setting& s, std::vector<std::string>& to) {
  if (const auto* list = std::get_if<setting::list>(&s.is))
    for (const setting& one : *list) add_tags(one, to);
  const auto* o = std::get_if<setting::object>(&s.is);
  if (!o) return;
  for (const auto& [key, value] : *o)
    if (const auto* text = std::get_if<std::string>(&value.is)) {
      if (same_word(key, "tag") || same_word(key, "inboundTag")) to.push_back(*text);
    } else {
      add_tags(value, to);
    }
}

/// Adds those below the keys "reverse", and those of outbounds of protocol loopback.
void add_tags_not_had(const setting& s, std::vector<std::string>& to) {
  if (const auto* list = std::get_if<setting::list>(&s.is))
    for (const setting& one : *list) add_tags_not_had(one, to);
  const auto* o = std::get_if<setting::object>(&s.is);
  if (!o) return;
  const auto protocol = o->find("protocol");
  const auto* name = protocol == o->end() ? nullptr : std::get_if<std::string>(&protocol->second.is);
  if (name && same_word(*name, "loopback")) return add_tags(s, to);
  for (const auto& [key, value] : *o)
    if (same_word(key, "reverse"))
      add_tags(value, to);
    else
      add_tags_not_had(value, to);
}

/// Rules may name them, because the missing reverse proxy is one mistake, and not one for each rule.
std::vector<std::string> tags_of_parts_not_had(const setting& root) {
  std::vector<std::string> tags;
  const auto* o = std::get_if<setting::object>(&root.is);
  if (!o) return tags;
  for (const auto& [key, value] : *o)
    if (same_word(key, "reverse"))
      add_tags(value, tags);
    else if (same_word(key, "inbounds") || same_word(key, "outbounds"))
      add_tags_not_had(value, tags);
  return tags;
}

void read_whole(settings& s, config& to, config_reading& with) {
  s.object({"log", "What is logged, and where."}, [&](settings& l) { read_log(l, to.log); });
  s.object({"policy", "Timers, buffers and rates of users, by level."},
           [&](settings& p) { read_policy(p, with.policies); });
  read_inbounds(s, to, with);
  read_outbounds(s, to, with);
  report_broken_chains(to, s.mistakes());
  read_metrics_and_api(s, to);
  read_names(s, to, with.geo);
  std::vector<std::string> tags = to.names_tags;
  for (std::string& tag : tags_of_parts_not_had(with.root)) {
    auto& known = to.routing.outbound_tags;
    if (std::find(known.begin(), known.end(), tag) == known.end()) known.push_back(tag);
    tags.push_back(std::move(tag));
  }
  for (const inbound_config& i : to.inbounds) tags.push_back(i.tag);
  if (to.api && to.api->has("HandlerService")) tags.clear();  // rules may name inbounds that come later
  s.object({"routing", "Rules that choose an outbound for each connection."},
           [&](settings& r) { read_routing(r, to.routing, with.geo, tags); });
  report_shared_places(to, s.mistakes());
  read_fakes(s, to);
  s.object({"stats", "Accepted from Xray's configurations, without effect: counters are always on."},
           [](settings&) {});
  read_own_addresses(s, to);
  read_observatories(s, to);
}

}  // namespace

config read_config(const setting& root, const registry& known, geo_files& geo, config_mistakes& mistakes,
                   const environment& variables) {
  config out;
  config_reading with{known, geo, variables, root};
  settings::read(root, "", mistakes, [&](settings& s) { read_whole(s, out, with); });
  if (mistakes.empty() && out.inbounds.empty())
    mistakes.add("inbounds", "is empty; it must have at least one inbound");
  if (mistakes.empty() && out.outbounds.empty())
    mistakes.add("outbounds", "is empty; it must have at least one outbound");
  out.outbound_policy = with.policies.largest();
  out.unset = std::move(with.unset);
  if (mistakes.empty()) out.restart_only = restart_only_part(root);
  if (mistakes.empty() && out.api && out.api->has("HandlerService"))
    out.written = std::make_shared<const setting>(part_of(root, {"policy", "inbounds", "outbounds"}));
  return out;
}

std::shared_ptr<const config> read_config(std::string_view json, const registry& known, geo_files& geo,
                                          config_mistakes& mistakes, const environment& variables) {
  const auto root = parse_json(json, mistakes);
  if (!root) return nullptr;
  auto out = std::make_shared<const config>(read_config(*root, known, geo, mistakes, variables));
  return mistakes.empty() ? out : nullptr;
}

config_reference describe_config(const registry& known) {
  geo_files none;
  config ignored;
  const environment no_variables = [](const char*) -> const char* { return nullptr; };
  const setting nothing;
  config_reading with{known, none, no_variables, nothing};
  return settings::describe([&](settings& s) { read_whole(s, ignored, with); });
}

}  // namespace muxpro::proxy
