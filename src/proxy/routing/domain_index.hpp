// domain_index: finds which of many patterns match a name, without trying each of them.
#pragma once

#include "proxy/base/pattern.hpp"
#include "proxy/routing/keyword_set.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace muxpro::proxy {

/// `full` matches the name itself, `domain` also its sub-domains, `keyword` any part of the name, and
/// `regexp` a regular expression.
enum class domain_kind : std::uint8_t { full, domain, keyword, regexp };

/// Patterns and what they stand for. One look-up costs a hash for each label of the name, a pass for all
/// keywords and a pass for all regular expressions.
class domain_index {
 public:
  using value = std::uint32_t;

  /// Returns an empty string, or what the text must be. It was not added then.
  std::string add(domain_kind kind, std::string_view text, value v);
  /// After the last add(). Empty, or why it cannot be used.
  std::string finish();
  /// The values of all patterns that match, ascending, each once. The name is in lower case, without a last
  /// dot.
  std::vector<value> find(std::string_view name) const;

 private:
  struct hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  using table = std::unordered_map<std::string, std::vector<value>, hash, std::equal_to<>>;
  static void append(const table& from, std::string_view name, std::vector<value>& to);
  static std::string add_name(table& to, std::string_view text, value v);
  std::string add_keyword(std::string_view text, value v);
  std::string add_pattern(std::string_view text, value v);

  table full_, domains_;
  keyword_set keywords_;
  pattern_set patterns_;
  std::vector<value> pattern_values_;
};

}  // namespace muxpro::proxy
