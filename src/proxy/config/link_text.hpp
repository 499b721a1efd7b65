// Parts of a link, that is URL, percent-encoding, base64 of any kind. Ring 4, a rule.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace muxpro::proxy {

struct link_parts {
  std::string scheme, user, host, name;
  std::uint16_t port = 0;
  std::map<std::string, std::string, std::less<>> query;

  /// Returns the value of a key. Empty if the key is absent.
  std::string_view operator[](std::string_view key) const {
    const auto found = query.find(key);
    return found == query.end() ? std::string_view() : found->second;
  }
};

/// Parses "SCHEME://USER@HOST:PORT?KEY=VALUE&...#NAME" and decodes each part. Returns nothing for any other
/// text, also without a port.
std::optional<link_parts> parse_link(std::string_view link);
std::string percent_decoded(std::string_view text);
/// All but letters, digits and "-._~" (RFC 3986 section 2.3).
std::string url_encoded(std::string_view text);
/// Of both alphabets, with or without padding and line ends.
std::optional<std::string> any_base64_decoded(std::string_view text);
/// With the alphabet for URLs, without padding.
std::string url_base64(std::string_view bytes);

}  // namespace muxpro::proxy
