// final_rules, the final decision about addresses that an outbound dials ("finalRules" of freedom). Ring 4, a
// rule without I/O.
#pragma once

#include "proxy/base/port_set.hpp"
#include "proxy/routing/rule_texts.hpp"

#include <muxpro/frame.hpp>

#include <asio/ip/address.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace muxpro::proxy {

struct final_rule {
  bool allows = false;
  bool tcp = true, udp = true;
  std::optional<port_set> ports;
  std::optional<ip_rules> addresses;
};

class final_rules {
 public:
  explicit final_rules(std::vector<final_rule> all) : all_(std::move(all)) {}

  /// Returns the decision of the first rule that matches, or nothing if no rule matches.
  std::optional<bool> decide(network net, const asio::ip::address& a, std::uint16_t port) const;

 private:
  std::vector<final_rule> all_;
};

}  // namespace muxpro::proxy
