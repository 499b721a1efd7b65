// The key by which clients share limits, which is the user, or where the connection comes from.
#pragma once

#include <muxpro/proxy/context.hpp>

#include <asio/ip/address.hpp>

#include <string>

namespace muxpro::proxy {

/// Returns an IPv4 address, or the first 64 bits of an IPv6 address, because one site has all addresses
/// behind those (RFC 6177).
asio::ip::address source_prefix(const asio::ip::address& a);

/// Returns the key of a user's share, which is the name if the user is authenticated, else source_prefix().
/// No name equals an address. Empty for this program itself.
std::string share_of(const context::inbound_part& client);

}  // namespace muxpro::proxy
