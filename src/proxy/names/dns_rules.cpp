#include "proxy/names/dns_rules.hpp"

#include "proxy/names/dns_message.hpp"
#include "proxy/routing/rule_texts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace muxpro::proxy {

dns_rules::dns_rules(std::vector<dns_rule_options> rules, geo_files& geo) : rules_(std::move(rules)) {
  for (std::size_t i = 0; i < rules_.size(); ++i)
    for (const std::string& name : rules_[i].names)
      if (const auto wrong = add_domain_rule(names_, name, static_cast<domain_index::value>(i), geo);
          !wrong.empty())
        throw std::invalid_argument(fmt::format("rules has '{}', {}", name, wrong));
  if (const auto wrong = names_.finish(); !wrong.empty()) throw std::invalid_argument("rules " + wrong);
}

dns_rules::decision dns_rules::decide(std::uint16_t type, std::string_view name) const {
  const bool address =
      type == static_cast<std::uint16_t>(dns_type::a) || type == static_cast<std::uint16_t>(dns_type::aaaa);
  const auto named = names_.find(name);
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    const dns_rule_options& r = rules_[i];
    const bool fits = r.names.empty() || std::binary_search(named.begin(), named.end(), i);
    if (!fits || (r.types && !r.types->contains(type))) continue;
    if (r.action == dns_action::answer && !address) return {dns_action::refuse, r.code};
    return {r.action, r.code};
  }
  return address ? decision() : decision{dns_action::refuse, 0};
}

}  // namespace muxpro::proxy
