#include "changes.hpp"
#include "parts.hpp"

#include <fmt/format.h>

namespace muxpro::proxy {

namespace {

void read_log(settings& s, log_config& to) {
  using level = std::optional<log_level>;
  s.one_of<level>("loglevel", to.level,
                  {{"debug", log_level::debug},
                   {"info", log_level::info},
                   {"warning", log_level::warning},
                   {"error", log_level::error},
                   {"none", std::nullopt}});
  s.text("error", to.file);
  std::string access;
  if (s.text("access", access)) to.access = access;
  if (access == "none") to.access.reset();
  s.flag("dnsLog", to.dns);
}

void read_policy(settings& s, policy_levels& to) {
  to.read(s);
  s.object("system", [](settings& system) {
    bool counted = false;
    for (const char* side : {"Inbound", "Outbound"})
      for (const char* direction : {"Uplink", "Downlink"})
        system.flag(fmt::format("stats{}{}", side, direction), counted);
  });
}

void read_inbounds(settings& s, config& to, config_reading& with) {
  if (!s.needs("inbounds", "a list of at least one object")) return;
  s.objects("inbounds", [&](settings& i, std::size_t) {
    inbound_config next = read_inbound(i, with);
    for (const inbound_config& other : to.inbounds)
      if (i.has("tag") && other.tag == next.tag)
        i.wrong("tag", fmt::format("is '{}'; it must be a name that no other inbound has", shown(next.tag)));
    to.inbounds.push_back(std::move(next));
  });
}

void read_outbounds(settings& s, config& to, config_reading& with) {
  if (!s.needs("outbounds", "a list of at least one object; the first one is the default")) return;
  s.objects("outbounds", [&](settings& o, std::size_t) {
    outbound_config next = read_outbound(o, with);
    for (const outbound_config& other : to.outbounds)
      if (other.tag == next.tag)
        o.wrong("tag", fmt::format("is '{}'; it must be a name that no other outbound has", shown(next.tag)));
    to.routing.outbound_tags.push_back(next.tag);
    to.outbounds.push_back(std::move(next));
  });
}

// The page is what there is of Xray's API.
void read_metrics(settings& s, config& to) {
  std::string listen, tag;
  s.text("tag", tag);
  if (!s.needs("listen", "ADDRESS:PORT or unix:PATH") || !s.text("listen", listen)) return;
  const auto at = stream_address::parse(listen);
  if (at && at->is_unix()) {
    to.metrics = unix_endpoint(at->path);
  } else if (at && !at->at.host.is_domain()) {
    const asio::ip::tcp::endpoint tcp(asio::ip::make_address(at->at.host.to_string()), at->at.port);
    if (!reaches_others(tcp)) to.metrics = tcp;
  }
  if (!to.metrics)
    s.wrong("listen",
            fmt::format("is '{}'; it must be a loopback address with a port, or unix:PATH: the page names "
                        "users and targets",
                        shown(listen)));
}

void refuse_what_is_not_there(settings& s) {
  for (const char* key : {"reverse", "observatory", "burstObservatory"})
    s.refuse(key, "is there; muxpro has nothing of that kind yet");
}

}  // namespace

config read_config(const setting& root, const transport_registry& transports, geo_files& geo,
                   config_mistakes& mistakes) {
  config out;
  config_reading with{transports, geo, {}};
  settings::read(root, "", mistakes, [&](settings& s) {
    s.object("log", [&](settings& l) { read_log(l, out.log); });
    s.object("policy", [&](settings& p) { read_policy(p, with.policies); });
    read_inbounds(s, out, with);
    read_outbounds(s, out, with);
    s.object("routing", [&](settings& r) { read_routing(r, out.routing, geo); });
    for (const char* key : {"metrics", "api"}) s.object(key, [&](settings& m) { read_metrics(m, out); });
    if (s.has("metrics") && s.has("api")) s.wrong("api", "is there beside metrics, which means the same");
    read_fakes(s, out);
    read_names(s, out);
    s.object("stats", [](settings&) {});  // counters cost nothing: they are always on
    refuse_what_is_not_there(s);
  });
  if (mistakes.empty() && out.inbounds.empty()) mistakes.add("inbounds", "is empty; nobody could connect");
  if (mistakes.empty() && out.outbounds.empty())
    mistakes.add("outbounds", "is empty; nothing could be reached");
  out.outbound_policy = with.policies.largest();
  if (mistakes.empty()) out.lasting = lasting_part(root);
  return out;
}

}  // namespace muxpro::proxy
