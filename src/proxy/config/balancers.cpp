// "routing.balancers" of a configuration.
#include "proxy/config/go_duration.hpp"
#include "proxy/config/readers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

namespace muxpro::proxy {

namespace {

constexpr std::size_t most_costs = 1000, most_baselines = 64, most_expected = 1000;

void read_baselines(settings& s, std::vector<duration>& to) {
  std::vector<std::string> texts;
  s.texts(
      {"baselines",
       "Deviations such as 50ms: the first one below which there are as many outbounds as expected chooses "
       "all below it."},
      texts);
  if (texts.size() > most_baselines)
    s.wrong("baselines", fmt::format("has {} times; it may have at most {}", texts.size(), most_baselines));
  for (const std::string& text : texts) {
    const auto d = parse_go_duration(text);
    if (d)
      to.push_back(*d);
    else
      s.wrong("baselines", fmt::format("has '{}'; it must be a list of times such as 50ms", sanitized(text)));
  }
  std::sort(to.begin(), to.end());
}

least_load_options::cost read_cost(settings& s) {
  least_load_options::cost out;
  s.flag({"regexp", "Whether match is an expression (of RE2); else it is a part of a tag."}, out.regexp);
  s.text({"match", "Outbounds whose tags match have this cost; the first cost that matches counts."},
         out.match);
  s.real({"value", "By the root of this number their deviations count more; 0: as they are."}, out.value, 0,
         1e9);
  if (out.value == 0) out.value = 1;
  return out;
}

void read_least_load(settings& s, least_load_options& to) {
  s.number<std::size_t>({"expected", "Outbounds that new connections are shared by; 0: one."}, to.expected, 0,
                        most_expected);
  read_duration(s, {"maxRTT", "Slower outbounds are not chosen; 0: any are."}, to.max_rtt,
                {duration(0), std::chrono::hours(1)});
  s.real({"tolerance", "The part of measurements that may fail, such as 0.01; 0: any."}, to.tolerance, 0, 1);
  read_baselines(s, to.baselines);
  s.objects(
      {"costs", "Which outbounds count as worse, or better, than they are."},
      [&](settings& c, std::size_t) { to.costs.push_back(read_cost(c)); }, most_costs);
}

}  // namespace

balancer_options read_balancer(settings& s) {
  balancer_options b;
  s.needs("tag", "a name for rules");
  s.text({"tag", "The balancer's name in rules."}, b.tag);
  s.needs("selector", "a list of beginnings of outbounds' tags");
  s.texts({"selector", "Beginnings of the tags of its outbounds."}, b.selector);
  s.text({"fallbackTag",
          "The outbound that is used if no selected outbound can be used. An outbound is passed over for 10 "
          "s after a connection to its server has failed."},
         b.fallback_tag);
  s.object({"strategy", "How an outbound is chosen."}, [&](settings& t) {
    t.one_of<balancing>(
        {"type",
         "leastPing chooses the outbound that an observatory has found to be the fastest, leastLoad the one "
         "whose times vary least, by settings; of outbounds that were not measured both choose the one "
         "with the fewest open connections or sub-streams."},
        b.strategy,
        {{"random", balancing::random},
         {"roundRobin", balancing::round_robin},
         {"leastLoad", balancing::least_load},
         {"leastPing", balancing::least_ping}});
    t.object({"settings", "Settings of leastLoad. Other strategies have no settings."},
             [&](settings& l) { read_least_load(l, b.load); });
  });
  return b;
}

}  // namespace muxpro::proxy
