// in_order(): sorts the addresses of a name (RFC 6724 section 6). Ring 4, a rule without I/O.
#pragma once

#include <asio/ip/address.hpp>

#include <vector>

namespace muxpro::proxy {

struct possible_address {
  asio::ip::address to;
  bool has_route = false;
  asio::ip::address from;  ///< of packets to it, if there is a route
};

/// Addresses without a route last (rule 1), then by equal labels (rule 5) and precedence (rule 6) of the
/// default policy table. Equal ones keep their order.
std::vector<asio::ip::address> in_order(std::vector<possible_address> all);

}  // namespace muxpro::proxy
