// Names that configurations for V2Ray and Xray have and that no reader asks for: other names of a key, keys
// without effect, and parts of Xray that muxpro does not have. Ring 4, a rule: no I/O.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// Other names of `key` in the object at `path` ("inbounds[0].settings"). The first one is the newest.
std::vector<std::string_view> other_names(std::string_view path, std::string_view key);
/// The name of a protocol or a transport that has the other name `name`, else `name`.
std::string_view usual_name(std::string_view name);
/// The other names of a protocol or a transport.
std::vector<std::string_view> names_beside(std::string_view usual);

/// What Xray has under a name and muxpro has not: "WireGuard". Empty: there is nothing.
std::string_view not_had_value(std::string_view key, std::string_view value);
std::string_view not_had_key(std::string_view path, std::string_view key);
/// Whether Xray, or a program that writes configurations for it, has the key there without any effect.
bool is_without_effect(std::string_view path, std::string_view key);

}  // namespace muxpro::proxy
