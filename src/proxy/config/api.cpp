// "metrics" and "api", where the proxy reports on itself, and where it is changed.
#include "proxy/config/readers.hpp"
#include "proxy/policy/dial_policy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace muxpro::proxy {

namespace {

struct own_place {
  std::optional<stream_endpoint> at;
  std::optional<std::uint32_t> mode;
};

own_place place_in(const std::string& listen) {
  own_place out;
  const auto place = listening_address::parse(listen);
  if (place && place->at.is_unix()) {
    out.at = unix_endpoint(place->at.path);
    out.mode = place->mode;
  } else if (place && !place->at.at.host.is_domain()) {
    const host_port& at = place->at.at;
    out.at = asio::ip::tcp::endpoint(asio::ip::make_address(at.host.to_string()), at.port);
  }
  return out;
}

bool is_outbound(const config& c, const std::string& tag) {
  const auto is_it = [&](const outbound_config& o) { return o.tag == tag; };
  return std::any_of(c.outbounds.begin(), c.outbounds.end(), is_it);
}

void read_page_place(settings& s, config& to) {
  std::string listen;
  if (!s.text({"listen",
               "ADDRESS:PORT or unix:PATH where the page, /metrics (for Prometheus), /debug/vars and /ready "
               "(503 while the proxy drains) are served: a loopback address or a unix socket, because the "
               "page names users and targets."},
              listen))
    return;
  const own_place place = place_in(listen);
  if (place.at && !is_reachable_remotely(*place.at)) {
    to.metrics = place.at;
    to.metrics_mode = place.mode;
    return;
  }
  s.wrong("listen", fmt::format("is '{}'; it must be a loopback address with a port, or unix:PATH: the "
                                "page names users and targets",
                                sanitized(listen)));
}

// In Xray connections that rules lead to the tag reach the page.
void read_page(settings& s, config& to) {
  std::string tag;
  s.text({"tag", "An outbound that serves the page, for rules."}, tag);
  if (tag.empty() && !s.has("listen")) s.needs("listen", "ADDRESS:PORT or unix:PATH, unless there is a tag");
  read_page_place(s, to);
  if (tag.empty() || is_outbound(to, tag)) return;
  to.page_tags.push_back(tag);
  to.routing.outbound_tags.push_back(tag);
}

constexpr std::array<std::string_view, 4> api_services{"HandlerService", "StatsService", "RoutingService",
                                                       "LoggerService"};
constexpr std::array<std::string_view, 2> services_not_had{"ReflectionService", "ObservatoryService"};

std::string_view same_of(const std::string& name, const auto& all) {
  const auto is_it = [&](std::string_view s) { return same_word(s, name); };
  const auto found = std::find_if(all.begin(), all.end(), is_it);
  return found == all.end() ? std::string_view() : *found;
}

void read_services(settings& s, api_config& to) {
  std::vector<std::string> names;
  s.texts({"services",
           "What may be called: HandlerService (users, inbounds and outbounds), StatsService (counters), "
           "RoutingService (rules and balancers), LoggerService (opens the logs again)."},
          names);
  for (const std::string& name : names) {
    if (const auto known = same_of(name, api_services); !known.empty())
      to.services.emplace_back(known);
    else if (const auto other = same_of(name, services_not_had); !other.empty())
      s.note("services", fmt::format("has {}, which muxpro does not have", other));
    else
      s.not_one_of("services", name, {api_services.begin(), api_services.end()});
  }
  if (names.empty() && !s.describing()) s.note("services", "is empty or left out: no call is answered");
}

void read_api_place(settings& s, api_config& to) {
  std::string listen;
  if (!s.text({"listen",
               "ADDRESS:PORT or unix:PATH where clients of Xray's API connect, without TLS. The API asks for "
               "no password: let only this machine reach it."},
              listen) ||
      listen.empty())
    return;
  const own_place place = place_in(listen);
  if (!place.at)
    return s.wrong("listen", fmt::format("is '{}'; it must be an IP address with a port, or unix:PATH",
                                         sanitized(listen)));
  to.listen = place.at;
  to.listen_mode = place.mode;
  if (is_reachable_remotely(*place.at))
    s.note("listen",
           fmt::format("is '{}': the API asks for no password, and every machine that reaches this address "
                       "controls the proxy; 127.0.0.1 serves this machine alone",
                       sanitized(listen)));
}

// As in Xray the API takes the place of an outbound of that tag.
void read_api(settings& s, config& to) {
  api_config& api = to.api.emplace();
  s.text({"tag",
          "An outbound that answers calls, for rules: an inbound of protocol dokodemo-door, and a rule from "
          "its tag to this one, are the older form of listen."},
         api.tag);
  read_services(s, api);
  read_api_place(s, api);
  if (api.tag.empty() && !api.listen) s.needs("listen", "ADDRESS:PORT or unix:PATH, unless there is a tag");
  const auto& tags = to.routing.outbound_tags;
  if (!api.tag.empty() && std::find(tags.begin(), tags.end(), api.tag) == tags.end())
    to.routing.outbound_tags.push_back(api.tag);
}

}  // namespace

void read_metrics_and_api(settings& root, config& to) {
  root.object({"metrics",
               "The status page, which shows users, connections and counters. Counters have Xray's names, "
               "such as inbound>>>TAG>>>traffic>>>uplink."},
              [&](settings& m) { read_page(m, to); });
  root.object({"api", "Xray's API by gRPC, which panels and xray api call."},
              [&](settings& a) { read_api(a, to); });
}

}  // namespace muxpro::proxy
