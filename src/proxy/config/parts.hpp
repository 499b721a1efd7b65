// The parts of a configuration, each read by a file of its own.
#pragma once

#include <muxpro/proxy/config.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// Policy levels by number; a level that is not there has the defaults.
class policy_levels {
 public:
  void read(settings& s);
  /// Level `n`, which somebody uses.
  const policy_level& use(std::uint32_t n);
  /// See config::outbound_policy.
  policy_level largest() const;

 private:
  std::map<std::uint32_t, policy_level> levels_;
};

/// What the readers share.
struct config_reading {
  const transport_registry& transports;
  geo_files& geo;
  policy_levels policies;
};

/// `server` is the host that a client connects to, or empty.
stream_config read_stream(settings& s, const config_reading& with, role side, const std::string& server);
sniffing_options read_sniffing(settings& s, geo_files& geo);
inbound_config read_inbound(settings& s, config_reading& with);
outbound_config read_outbound(settings& s, const config_reading& with);
/// "fakedns" of the whole, after its inbounds and outbounds.
void read_fakes(settings& root, config& to);
/// "dns" of the whole.
void read_names(settings& root, config& to);
void read_routing(settings& s, router_options& to, geo_files& geo);

/// Reads "protocol" into `name`, and "settings" by `read(entry of the table, settings)`.
template <class Table, class Read>
void read_protocol(settings& s, const Table& table, std::string& name, Read read) {
  std::vector<std::string_view> names;
  for (const auto& entry : table) names.push_back(entry.name);
  const bool told = s.needs("protocol", "the name of a protocol") && s.text("protocol", name);
  const bool has_settings = s.has("settings");
  const setting nothing{setting::object()};
  for (const auto& entry : table) {
    if (entry.name != name) continue;
    const auto own = [&](settings& o) { read(entry, o); };
    if (has_settings)
      s.object("settings", own);
    else
      settings::read(nothing, s.path("settings"), s.mistakes(), own);
    return;
  }
  if (told) s.not_one_of("protocol", name, names);
}

/// Puts a sentence of a rule, "dest_override is 'x', it must be ...", to the key that it is about.
void report(settings& s, std::string_view sentence);

}  // namespace muxpro::proxy
