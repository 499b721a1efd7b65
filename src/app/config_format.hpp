// Configurations in YAML and TOML, which Xray reads as well. The formats need yaml-cpp and toml++, without
// which the program can be built.
#pragma once

#include <muxpro/proxy/settings.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace muxpro::app {

enum class config_format : std::uint8_t { json, yaml, toml };

/// Returns the format by the end of a file's name, or nothing if that is unknown.
std::optional<config_format> format_of_file(std::string_view file);
/// Returns the format named "json", "yaml" or "yml", or "toml". Returns nothing for another name.
std::optional<config_format> format_by_name(std::string_view name);

/// The values of a text. Adds one sentence to `to` if the text is not in the format, or the program is built
/// without its library.
std::optional<proxy::setting> parse_config(const std::string& text, config_format f,
                                           proxy::config_mistakes& to);

}  // namespace muxpro::app
