// Reads configuration files in the JSON format of V2Ray and Xray. Ring 4.
#pragma once

#include <muxpro/proxy/geo_files.hpp>
#include <muxpro/proxy/registry.hpp>
#include <muxpro/proxy/settings.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// The content of a configuration file. Opaque to callers. A configured_proxy is made of it.
struct config;

/// Longer texts, deeper ones and ones with more values are refused (lists of 100,000 domains fit).
inline constexpr std::size_t max_config_size = 16 * 1024 * 1024;
inline constexpr std::size_t max_config_depth = 32;
inline constexpr std::size_t max_config_values = 1'000'000;

/// Reads JSON, with comments as //, # and /* */, and with an optional comma behind the last value. Returns
/// nothing and reports the mistake if `text` is invalid.
std::optional<setting> parse_json(std::string_view text, config_mistakes& mistakes);

/// Returns the value of an environment variable, or null if there is no such variable.
using environment = std::function<const char*(const char* name)>;
/// That of this process.
const environment& process_environment();

/// Reads a configuration. Returns null if there are mistakes, which go to `mistakes`. Lists that rules name
/// are looked up in `geo`. Ports that the text takes from env:NAME are looked up in `variables`.
std::shared_ptr<const config> read_config(std::string_view json, const registry& known, geo_files& geo,
                                          config_mistakes& mistakes,
                                          const environment& variables = process_environment());

/// All keys that read_config() accepts, as its readers describe them.
config_reference describe_config(const registry& known);

/// What a configuration without mistakes cannot do, a sentence each.
std::vector<std::string> warnings_of(const config& c);

}  // namespace muxpro::proxy
