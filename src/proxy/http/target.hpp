// Targets of requests in origin-form, and what clients send beside them. Ring 4, a rule.
#pragma once

#include "proxy/http/head.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// CDNs refuse requests without a User-Agent. The version is of late 2025.
inline constexpr std::string_view browser_agent =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 "
    "Safari/537.36";

/// Returns the first field of the name, which is in lower case. Null without one.
const http_field* find_field(const std::vector<http_field>& fields, std::string_view name) noexcept;
/// The host of a Host field, in lower case, without its port.
std::string host_name_of(std::string_view host);
/// The path of a target without its query, percent-decoded.
std::string decoded_path(std::string_view target);
/// With percent-encoding of the characters that a target must not have.
std::string encoded_target(std::string_view path);
/// Returns the value of the first `key` in the query of a target or a URI, as it stands there. Empty if the
/// key is absent.
std::string_view query_value(std::string_view target, std::string_view key) noexcept;

}  // namespace muxpro::proxy
