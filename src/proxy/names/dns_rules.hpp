// dns_rules: the action of a dns outbound for a query, by type and name. Ring 4, a rule without I/O.
#pragma once

#include "proxy/base/port_set.hpp"
#include "proxy/routing/domain_index.hpp"

#include <muxpro/proxy/geo_files.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

enum class dns_action : std::uint8_t {
  answer,   ///< by the names and servers of "dns", for A and AAAA alone
  forward,  ///< to the server that the client asks
  refuse,   ///< with a response code
  drop
};

struct dns_rule_options {
  dns_action action = dns_action::answer;
  unsigned code = 0;               ///< of refuse
  std::optional<port_set> types;   ///< without a value all
  std::vector<std::string> names;  ///< as routing.rules.domain, empty for all
};

class dns_rules {
 public:
  dns_rules() = default;
  /// Throws std::invalid_argument with one sentence about a text.
  dns_rules(std::vector<dns_rule_options> rules, geo_files& geo);

  struct decision {
    dns_action action = dns_action::answer;
    unsigned code = 0;
  };
  /// By the first rule that matches. Without one A and AAAA are answered, and other types have no records.
  decision decide(std::uint16_t type, std::string_view name) const;

 private:
  std::vector<dns_rule_options> rules_;
  domain_index names_;
};

}  // namespace muxpro::proxy
