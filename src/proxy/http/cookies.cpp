#include "proxy/http/cookies.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace muxpro::proxy {

std::string_view cookie_value(const std::vector<http_field>& fields, std::string_view name) noexcept {
  std::string_view out;
  any_cookie(fields, [&](std::string_view its_name, std::string_view value) {
    if (its_name == name) out = value;
    return !out.empty();
  });
  return out;
}

void add_cookie(std::vector<http_field>& fields, std::string_view name, std::string_view value) {
  const std::string one = fmt::format("{}={}", name, value);
  const auto at = std::find_if(fields.begin(), fields.end(),
                               [](const http_field& f) { return is_name(f.name, "cookie"); });
  if (at == fields.end())
    fields.push_back({"Cookie", one});
  else
    at->value += "; " + one;
}

}  // namespace muxpro::proxy
