#include "proxy/config/readers.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace muxpro::proxy {

namespace {

bool is_dns(const inbound_config& i) { return i.protocol == dns_protocol; }

bool uses_fake_dns(const inbound_config& i) {
  const auto& names = i.sniffing.dest_override;
  return i.sniffing.enabled && std::any_of(names.begin(), names.end(),
                                           [](const std::string& n) { return n.starts_with("fakedns"); });
}

void read_pools(settings& s, bool another, fake_dns_options& to) {
  std::vector<std::string> pools{to.v4};
  if (!s.texts({"ipPool", "A block of IPv4 addresses, a block of IPv6, or one of each."}, pools)) return;
  if (!another) to.v4.clear();
  for (const std::string& p : pools) {
    std::string& family = p.find(':') == std::string::npos ? to.v4 : to.v6;
    if (!family.empty())
      s.wrong("ipPool", "has two blocks of one family; it may have one of IPv4 and one of IPv6");
    family = p;
  }
  if (pools.empty()) s.wrong("ipPool", "is empty; it must be a block such as 198.18.0.0/15");
}

void replace(std::string& in, std::string_view what, std::string_view by) {
  if (const auto at = in.find(what); at != std::string::npos) in.replace(at, what.size(), by);
}

// "v4 is '198.18.0.0/24', it must have twice as many addresses as capacity, ..."
void report_pool(settings& s, std::string mistake) {
  if (mistake.empty()) return;
  mistake.erase(0, mistake.find(' ') + 1);
  replace(mistake, "capacity", "poolSize");
  replace(mistake, "empty or ", "");
  s.wrong("ipPool", sanitized(mistake, 300));
}

}  // namespace

// Without ipPool there are no IPv6 addresses, because not every machine routes connections to them here.
void read_fakes(settings& root, config& to) {
  const auto& all = to.inbounds;
  const auto answers = std::find_if(all.begin(), all.end(), is_dns);
  fake_dns_options o;
  o.v6.clear();
  o.capacity = 65535;
  const std::string_view meaning =
      "Addresses that stand for names. An inbound of protocol dns gives them out; an inbound with fakedns in "
      "sniffing.destOverride turns them into the names again, for connections and datagrams. A connection to "
      "an address of the pool that has no name ends at once.";
  const bool by_servers = to.names && to.names->has_servers() && !root.has("fakedns");
  const bool is_used = (answers != all.end() && !by_servers) || to.fakes_by_dns;
  const bool is_there = root.one_or_more({"fakedns", meaning}, [&](settings& s, std::size_t n) {
    read_pools(s, n > 0, o);
    s.number<std::size_t>({"poolSize", "The most names at a time; the pool needs twice as many addresses."},
                          o.capacity, 1, 1 << 20);
    report_pool(s, o.validate());
  });
  if (is_there && !is_used)
    root.note("fakedns",
              "has no effect: no inbound of protocol dns and no server of dns gives its addresses out");
  const auto is_of_inbounds = [](const outbound_config& other) { return other.tag == fake_dns_outbound; };
  const auto& others = to.outbounds;
  if (answers != all.end() && std::any_of(others.begin(), others.end(), is_of_inbounds))
    root.wrong(
        fmt::format("inbounds[{}]", answers - all.begin()),
        fmt::format("answers as the outbound '{}'; no other one may have that tag", fake_dns_outbound));
  if (!is_used) return;
  to.fakes = o;
  const auto place =
      answers == all.end() ? std::string("dns") : fmt::format("inbounds[{}]", answers - all.begin());
  if (std::any_of(all.begin(), all.end(), uses_fake_dns)) return;
  constexpr const char* sentence =
      "answers with addresses that no inbound turns into names again; one must have 'fakedns' in "
      "sniffing.destOverride";
  if (answers == all.end())
    root.note(place, sentence);
  else
    root.wrong(place, sentence);
}

}  // namespace muxpro::proxy
