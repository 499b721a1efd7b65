#include "proxy/base/client_share.hpp"

#include "proxy/base/own_query.hpp"

#include <algorithm>

namespace muxpro::proxy {

asio::ip::address source_prefix(const asio::ip::address& a) {
  if (a.is_v4()) return a;
  const asio::ip::address_v6 whole = a.to_v6();
  if (whole.is_v4_mapped()) return asio::ip::make_address_v4(asio::ip::v4_mapped, whole);
  asio::ip::address_v6::bytes_type octets = whole.to_bytes();
  std::fill(octets.begin() + 8, octets.end(), 0);
  return asio::ip::address_v6(octets);
}

std::string share_of(const context::inbound_part& client) {
  if (is_own_query(client)) return {};
  if (!client.user.name.empty()) return "user " + client.user.name;
  return "address " + source_prefix(client.source).to_string();
}

}  // namespace muxpro::proxy
