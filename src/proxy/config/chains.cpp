// One outbound through another: "proxySettings", and what sockopt.dialerProxy leads to.
#include "proxy/config/readers.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muxpro::proxy {

namespace {

/// As in Xray, where only TLS is put on what the other outbound carries.
void leave_out_transport(settings& s, outbound_config& to) {
  if (to.stream.is_reality)
    s.wrong("tag",
            "is used together with security reality; \"transportLayer\": true puts that on the connection");
  if (!std::exchange(to.stream.carrier, {}).make) return;
  s.note("tag",
         "leaves out what streamSettings.network adds to connections, as in Xray; \"transportLayer\": true "
         "keeps it");
}

void take_next(settings& s, outbound_config& to, std::string tag, bool transport) {
  if (!to.plan.dials && !to.plan.server && to.known)
    s.wrong("tag", fmt::format("is '{}'; {} dials nothing", sanitized(tag), sanitized(to.protocol)));
  if (!to.stream.next.empty())
    return s.wrong("tag", "is used together with streamSettings.sockopt.dialerProxy, which means the same");
  if (!transport) leave_out_transport(s, to);
  to.stream.next = std::move(tag);
  to.stream.next_key = s.path("tag");
}

const outbound_config* outbound_tagged(const config& c, std::string_view tag) {
  const auto found = std::find_if(c.outbounds.begin(), c.outbounds.end(),
                                  [&](const outbound_config& o) { return o.tag == tag; });
  return found == c.outbounds.end() ? nullptr : &*found;
}

/// Returns the tags from `o` back to it, if it comes first in the file of all of them. Else returns no tags.
std::vector<std::string_view> loop_of(const config& c, const outbound_config& o) {
  std::vector<std::string_view> tags{o.tag};
  const outbound_config* next = outbound_behind(c, o);
  while (next && next > &o && tags.size() <= c.outbounds.size()) {
    tags.push_back(next->tag);
    next = outbound_behind(c, *next);
  }
  if (next != &o) return {};
  tags.push_back(o.tag);
  return tags;
}

std::string missing_tag(const config& c, const std::string& tag) {
  std::vector<std::string_view> known;
  for (const outbound_config& o : c.outbounds) known.push_back(o.tag);
  const std::string_view meant = closest_match(tag, known);
  return fmt::format("is '{}'; it must be the tag of an outbound{}", sanitized(tag),
                     meant.empty() ? "" : fmt::format("; did you mean '{}'?", meant));
}

}  // namespace

void read_chain(settings& s, outbound_config& to) {
  s.object({"proxySettings", "The outbound that makes the connections of this one."}, [&](settings& p) {
    std::string tag;
    bool transport = false;
    p.text({"tag",
            "Its tag. Without transportLayer these connections carry the protocol, with TLS if "
            "streamSettings has that, and without what network adds."},
           tag);
    p.flag({"transportLayer", "Whether tag means the same as streamSettings.sockopt.dialerProxy."},
           transport);
    if (!tag.empty()) take_next(p, to, std::move(tag), transport);
  });
  if (!to.stream.next.empty() && to.plan.server && to.plan.server->is_unix())
    s.mistakes().add(
        to.stream.next_key,
        fmt::format("is '{}'; a unix socket is reached from this machine alone", sanitized(to.stream.next)));
}

const outbound_config* outbound_behind(const config& c, const outbound_config& o) {
  return o.stream.next.empty() ? nullptr : outbound_tagged(c, o.stream.next);
}

datagram_support datagrams_of(const config& c, const outbound_config& o) {
  datagram_support out = datagram_support::carried;
  const outbound_config* one = &o;
  for (std::size_t n = 0; one && n < c.outbounds.size(); ++n) {
    const bool multiplexed = one->mux && one->mux->datagrams;
    if (!one->mux) out = std::min(out, one->plan.datagrams);
    one = one->plan.datagrams_beside && !multiplexed ? outbound_behind(c, *one) : nullptr;
  }
  return out;
}

void report_broken_chains(const config& c, config_mistakes& to) {
  for (const outbound_config& o : c.outbounds) {
    if (o.stream.next.empty()) continue;
    if (!outbound_behind(c, o)) to.add(o.stream.next_key, missing_tag(c, o.stream.next));
    if (const auto loop = loop_of(c, o); !loop.empty())
      to.add(o.stream.next_key, fmt::format("is '{}', which leads back here: {}", sanitized(o.stream.next),
                                            sanitized(fmt::format("{}", fmt::join(loop, " -> ")), 300)));
  }
}

}  // namespace muxpro::proxy
