#include "proxy/names/final_names.hpp"

#include "proxy/base/host_name.hpp"

#include <muxpro/destination.hpp>

#include <optional>
#include <utility>

namespace muxpro::proxy {

namespace {

std::optional<std::string> as_name(std::string_view text) {
  auto name = canonical_host(text);
  if (name && !address(*name).is_domain()) return std::nullopt;
  return name;
}

}  // namespace

std::vector<std::string> final_names(std::string_view asked, const std::vector<std::string>& domains) {
  std::vector<std::string> all;
  auto name = as_name(asked);
  if (!name) return all;
  if (asked.find('.') == std::string_view::npos && !is_localhost(*name)) {
    for (const std::string& d : domains)
      if (auto completed = as_name(*name + '.' + d)) all.push_back(std::move(*completed));
  }
  all.push_back(std::move(*name));
  return all;
}

bool is_localhost(std::string_view canonical) {
  return canonical == "localhost" || canonical.ends_with(".localhost");
}

}  // namespace muxpro::proxy
