// Names in configurations for V2Ray and Xray that no reader reads, which are other names of a key, keys
// without effect, and parts of Xray that muxpro does not have. Ring 4, a rule without I/O.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// An empty text stands for a choice that a message does not list.
std::vector<std::string_view> without_empty(std::vector<std::string_view> names);

/// Whether the path "inbounds[0].settings" leads to `wanted`: "inbounds.settings", or "settings" alone.
bool is_object(std::string_view path, std::string_view wanted);

/// Other names of `key` in the object at `path` ("inbounds[0].settings").
std::vector<std::string_view> other_names(std::string_view path, std::string_view key);
struct renamed_key {
  std::string_view older, newer;
};
/// The keys of the object at `path` that Xray has renamed, and still reads by their older names.
std::vector<renamed_key> renamed_keys(std::string_view path);
/// The name of a protocol or a transport that has the other name `name`, else `name`.
std::string_view usual_name(std::string_view name);
/// The other names of a protocol or a transport.
std::vector<std::string_view> names_beside(std::string_view usual);
/// Whether the first of them is the one that Xray of 2026 documents.
bool has_newer_name(std::string_view usual);

/// Returns what Xray has under a name and muxpro does not have, for example "WireGuard". Empty for other
/// names.
std::string_view not_had_value(std::string_view key, std::string_view value);
std::string_view not_had_key(std::string_view path, std::string_view key);
/// Whether Xray, or a program that writes configurations for it, has the key there without any effect.
bool is_without_effect(std::string_view path, std::string_view key);

}  // namespace muxpro::proxy
