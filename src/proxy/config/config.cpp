#include "proxy/config/changes.hpp"
#include "proxy/config/readers.hpp"
#include "proxy/policy/dial_policy.hpp"

#include <fmt/format.h>

#include <utility>

namespace muxpro::proxy {

namespace {

void read_log(settings& s, log_config& to) {
  using level = std::optional<log_level>;
  s.one_of<level>({"loglevel", "The least severe lines that are logged; none turns the log off."}, to.level,
                  {{"debug", log_level::debug},
                   {"info", log_level::info},
                   {"warning", log_level::warning},
                   {"error", log_level::error},
                   {"none", std::nullopt}});
  s.text({"error", "The file of the log; without it lines go to standard error. SIGHUP opens it again."},
         to.file);
  std::string access;
  if (s.text({"access",
              "The file for one line about each connection, with its user, target, bytes and end. Empty: the "
              "lines go to the log, at level info. none: no such lines. The user is the name of the account, "
              "or of the client's certificate: its common name if an authority has signed it, sha256: and "
              "its pin if only pins are checked."},
             access))
    to.access = access;
  if (access == "none") to.access.reset();
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

void read_inbounds(settings& s, config& to, config_reading& with) {
  if (!s.needs("inbounds", "a list of at least one object")) return;
  s.objects({"inbounds", "Where clients connect, and which protocol they use."}, [&](settings& i,
                                                                                     std::size_t) {
    inbound_config next = read_inbound(i, with);
    for (const inbound_config& other : to.inbounds)
      if (i.has("tag") && other.tag == next.tag)
        i.wrong("tag", fmt::format("is '{}'; it must be a name that no other inbound has", shown(next.tag)));
    to.inbounds.push_back(std::move(next));
  });
}

void read_outbounds(settings& s, config& to, config_reading& with) {
  if (!s.needs("outbounds", "a list of at least one object; the first one is the default")) return;
  s.objects(
      {"outbounds", "How targets are reached. The first outbound serves connections that match no rule."},
      [&](settings& o, std::size_t) {
        outbound_config next = read_outbound(o, with);
        for (const outbound_config& other : to.outbounds)
          if (other.tag == next.tag)
            o.wrong("tag",
                    fmt::format("is '{}'; it must be a name that no other outbound has", shown(next.tag)));
        to.routing.outbound_tags.push_back(next.tag);
        to.outbounds.push_back(std::move(next));
      });
}

// The page is what there is of Xray's API.
void read_metrics(settings& s, config& to) {
  std::string listen, tag;
  s.text({"tag", "Accepted from Xray's configurations, without effect."}, tag);
  if (!s.needs("listen", "ADDRESS:PORT or unix:PATH") ||
      !s.text({"listen",
               "Where the page and /metrics (for Prometheus) are served: a loopback address or a unix "
               "socket, because the page names users and targets."},
              listen))
    return;
  const auto place = listening_address::parse(listen);
  if (place && place->at.is_unix()) {
    to.metrics = unix_endpoint(place->at.path);
    to.metrics_mode = place->mode;
  } else if (place && !place->at.at.host.is_domain()) {
    const host_port& at = place->at.at;
    const asio::ip::tcp::endpoint tcp(asio::ip::make_address(at.host.to_string()), at.port);
    if (!reaches_others(tcp)) to.metrics = tcp;
  }
  if (!to.metrics)
    s.wrong("listen", fmt::format("is '{}'; it must be a loopback address with a port, or unix:PATH: the "
                                  "page names users and targets",
                                  shown(listen)));
}

void read_status_page(settings& s, config& to) {
  const auto read = [&](settings& m) { read_metrics(m, to); };
  const std::string key(s.either("metrics", "api"));
  s.object({key,
            "The status page, which shows users, connections and counters. Counters have Xray's names, such "
            "as inbound>>>TAG>>>traffic>>>uplink."},
           read);
  if (key != "api" && s.has("api")) s.object("api", read);  // for its own mistakes
  report_shared_places(to, key, s.mistakes());
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
    if (bad) s.wrong("ownAddresses", fmt::format("has '{}'; it must be a list of IP addresses", shown(text)));
  }
}

void refuse_what_is_not_there(settings& s) {
  for (const char* key : {"reverse", "observatory", "burstObservatory"})
    s.refuse(key, "is there; muxpro does not support it");
}

void read_whole(settings& s, config& to, config_reading& with) {
  s.object({"log", "What is logged, and where."}, [&](settings& l) { read_log(l, to.log); });
  s.object({"policy", "Timers, buffers and rates of users, by level."},
           [&](settings& p) { read_policy(p, with.policies); });
  read_inbounds(s, to, with);
  read_outbounds(s, to, with);
  s.object({"routing", "Rules that choose an outbound for each connection."},
           [&](settings& r) { read_routing(r, to.routing, with.geo, to.inbounds); });
  read_status_page(s, to);
  read_fakes(s, to);
  read_names(s, to);
  s.object({"stats", "Accepted from Xray's configurations, without effect: counters are always on."},
           [](settings&) {});
  read_own_addresses(s, to);
  refuse_what_is_not_there(s);
}

}  // namespace

config read_config(const setting& root, const registry& known, geo_files& geo, config_mistakes& mistakes,
                   const environment& variables) {
  config out;
  config_reading with{known, geo, variables};
  settings::read(root, "", mistakes, [&](settings& s) { read_whole(s, out, with); });
  if (mistakes.empty() && out.inbounds.empty())
    mistakes.add("inbounds", "is empty; it must have at least one inbound");
  if (mistakes.empty() && out.outbounds.empty())
    mistakes.add("outbounds", "is empty; it must have at least one outbound");
  out.outbound_policy = with.policies.largest();
  out.unset = std::move(with.unset);
  if (mistakes.empty()) out.restart_only = restart_only_part(root);
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
  config_reading with{known, none, no_variables};
  return settings::describe([&](settings& s) { read_whole(s, ignored, with); });
}

}  // namespace muxpro::proxy
