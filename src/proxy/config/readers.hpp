// The parts of a configuration, each read by a file of its own.
#pragma once

#include "proxy/config/config.hpp"
#include "proxy/config/known_names.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// The largest "udpRate", in datagrams per second.
inline constexpr std::uint32_t max_udp_rate = 100'000'000;

/// Policy levels by number. A level without an entry has the defaults.
class policy_levels {
 public:
  void read(settings& s);
  /// Level `n`, which an inbound uses.
  const policy_level& use(std::uint32_t n);
  /// See config::outbound_policy.
  policy_level largest() const;

 private:
  std::map<std::uint32_t, policy_level> levels_;
};

/// What the readers share.
struct config_reading {
  const registry& known;
  geo_files& geo;
  const environment& variables;
  const setting& root;  ///< of the whole
  policy_levels policies{};
  std::size_t places = 0;  ///< on which the inbounds listen
  std::vector<config_mistake> unset{};
};

/// Xray's names of strategies for names.
settings::choices<dial_family> families_by_strategy();
/// "sockopt" of "streamSettings".
void read_sockopt(settings& s, role side, stream_config& to);
/// "streamSettings" of an outbound that dials targets itself: "sockopt".
stream_config read_dial_sockopt(settings& s, const registry& known);
/// `server` is the host that a client connects to, or empty.
stream_config read_stream(settings& s, const config_reading& with, role side, const std::string& server);
sniffing_options read_sniffing(settings& s, geo_files& geo);
inbound_config read_inbound(settings& s, config_reading& with);
/// "listen" and "port" of an inbound.
void read_place(settings& s, inbound_config& to, config_reading& with);
/// Listeners that could not be beside each other.
void report_shared_places(const config& c, config_mistakes& to);
/// "metrics" and "api" of the whole, after its outbounds.
void read_metrics_and_api(settings& root, config& to);
outbound_config read_outbound(settings& s, const config_reading& with);
/// "proxySettings" of an outbound, after its "streamSettings".
void read_chain(settings& s, outbound_config& to);
/// Outbounds that go through one that is not there, or through themselves.
void report_broken_chains(const config& c, config_mistakes& to);
/// "fakedns" of the whole, after its inbounds and outbounds.
void read_fakes(settings& root, config& to);
/// "dns" of the whole.
void read_names(settings& root, config& to, geo_files& geo);
/// "observatory" and "burstObservatory" of the whole.
void read_observatories(settings& root, config& to);
/// One of "routing.balancers".
balancer_options read_balancer(settings& s);
/// `inbounds` are the tags that rules may name. If empty, they may name any.
void read_routing(settings& s, router_options& to, geo_files& geo, const std::vector<std::string>& inbounds);

/// Names of protocols or transports with their other names.
std::vector<std::string_view> with_other_names(const std::vector<std::string_view>& usual);
/// "a, b"
std::string joined(const std::vector<std::string_view>& names);

/// Describes "protocol", and "settings" of each protocol that is known.
template <class Reader, class Read>
void describe_protocols(settings& s, const named_readers<Reader>& known, const std::string& names,
                        Read read) {
  s.describe({"protocol", "The name of the protocol, in any case."}, "one of " + names);
  s.describe({"settings", "Keys of the protocol; see its own section."}, "an object");
  for (const auto& entry : known.all())
    s.describe_variant({"settings", entry.meaning}, entry.name, [&](settings& o) { read(entry, o); });
}

/// Reads "protocol" into `name`, and "settings" by `read(entry, settings)`. Returns false if there is no such
/// protocol.
template <class Reader, class Read>
bool read_protocol(settings& s, const named_readers<Reader>& known, std::string& name, Read read) {
  std::vector<std::string_view> names;
  for (const auto& entry : known.all()) names.push_back(entry.name);
  const bool is_named = s.needs("protocol", "the name of a protocol") && s.text("protocol", name);
  if (s.describing()) return describe_protocols(s, known, joined(with_other_names(names)), read), true;
  const bool has_settings = s.has("settings");
  const setting nothing{setting::object()};
  if (const auto* entry = known.find(usual_name(name))) {
    name = entry->name;
    const auto own = [&](settings& o) { read(*entry, o); };
    if (has_settings)
      s.object("settings", own);
    else
      settings::read(nothing, s.path("settings"), s.mistakes(), own);
    return true;
  }
  if (is_named) s.not_one_of("protocol", name, with_other_names(names));
  return false;
}

/// Puts a sentence of a rule, "dest_override is 'x', it must be ...", to the key that it is about.
void report(settings& s, std::string_view sentence);

}  // namespace muxpro::proxy
