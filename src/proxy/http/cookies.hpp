// Cookies of a request (RFC 6265 section 4.2). Ring 4, a rule.
#pragma once

#include "proxy/base/text.hpp"
#include "proxy/http/head.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// Calls `found` with the name and the value of each cookie, until it returns true. Returns whether it did.
/// HTTP/2 may have a field for each cookie.
template <class Found>
bool any_cookie(const std::vector<http_field>& fields, Found found) {
  for (const http_field& f : fields) {
    std::string_view all = is_name(f.name, "cookie") ? std::string_view(f.value) : std::string_view();
    while (!all.empty()) {
      const std::string_view one = all.substr(0, all.find(';')), bare = trimmed(one);
      all.remove_prefix(std::min(one.size() + 1, all.size()));
      const auto sign = bare.find('=');
      if (sign != bare.npos && found(bare.substr(0, sign), bare.substr(sign + 1))) return true;
    }
  }
  return false;
}

/// Returns the value of the first cookie of the name that has one. Empty without such a cookie.
std::string_view cookie_value(const std::vector<http_field>& fields, std::string_view name) noexcept;
/// Adds a cookie to the field of those that are there.
void add_cookie(std::vector<http_field>& fields, std::string_view name, std::string_view value);

}  // namespace muxpro::proxy
