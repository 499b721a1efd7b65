// Times as Go writes them. Ring 4, a rule.
#pragma once

#include <muxpro/options.hpp>
#include <muxpro/proxy/settings.hpp>

#include <optional>
#include <string_view>

namespace muxpro::proxy {

/// Parses durations such as "1m30s", "0.5s", "500ms" and "40000000ns". Returns nothing for any other text,
/// and for durations of more than a year.
std::optional<duration> parse_go_duration(std::string_view text);
/// The same for messages: "1m30s".
std::string go_duration_text(duration d);

struct duration_bounds {
  duration least, most;
};
/// A key with such a text. What is wrong with it is reported.
void read_duration(settings& s, const setting_key& key, duration& to, duration_bounds bounds);

}  // namespace muxpro::proxy
