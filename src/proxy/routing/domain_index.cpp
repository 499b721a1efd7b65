#include "proxy/routing/domain_index.hpp"

#include "proxy/base/host_name.hpp"
#include "proxy/base/text.hpp"

#include <muxpro/destination.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace muxpro::proxy {

std::string domain_index::add(domain_kind kind, std::string_view text, value v) {
  switch (kind) {
    case domain_kind::full: return add_name(full_, text, v);
    case domain_kind::domain: return add_name(domains_, text, v);
    case domain_kind::keyword: return add_keyword(text, v);
    case domain_kind::regexp: return add_pattern(text, v);
  }
  return "it must be of a known kind";
}

std::string domain_index::add_name(table& to, std::string_view text, value v) {
  const auto name = canonical_host(text);
  if (!name || !address(*name).is_domain())
    return "it must be a domain name of letters, digits, '-', '_' and '.'";
  to[*name].push_back(v);
  return {};
}

std::string domain_index::add_keyword(std::string_view text, value v) {
  const std::string lower = lower_case(text);
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
  if (lower.empty() || lower.size() > max_host_name || lower.find_first_not_of(allowed) != std::string::npos)
    return fmt::format("it must be 1 to {} letters, digits, '-', '_' and '.'", max_host_name);
  keywords_.add(lower, v);
  return {};
}

std::string domain_index::add_pattern(std::string_view text, value v) {
  if (const std::string mistake = patterns_.add(text); !mistake.empty())
    return fmt::format("it must be a regular expression in RE2's syntax: {}", mistake);
  pattern_values_.push_back(v);
  return {};
}

std::string domain_index::finish() {
  keywords_.finish();
  return patterns_.finish();
}

void domain_index::append(const table& from, std::string_view name, std::vector<value>& to) {
  if (const auto found = from.find(name); found != from.end())
    to.insert(to.end(), found->second.begin(), found->second.end());
}

std::vector<domain_index::value> domain_index::find(std::string_view name) const {
  std::vector<value> found;
  if (name.empty() || name.size() > max_host_name) return found;
  append(full_, name, found);
  for (std::string_view rest = name; !rest.empty();) {
    append(domains_, rest, found);
    rest.remove_prefix(std::min(rest.find('.'), rest.size() - 1) + 1);
  }
  keywords_.find(name, found);
  std::vector<int> places;
  patterns_.find(name, places);
  for (const int p : places) found.push_back(pattern_values_[static_cast<std::size_t>(p)]);
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace muxpro::proxy
