// What clients are counted by where they share something: the user, or where the connection comes from.
#pragma once

#include <muxpro/proxy/context.hpp>

#include <asio/ip/address.hpp>

#include <string>

namespace muxpro::proxy {

/// An IPv4 address, or the first 64 bits of an IPv6 address: one site has all addresses behind those
/// (RFC 6177).
asio::ip::address source_prefix(const asio::ip::address& a);

/// The key of a user's share: the name if the user is authenticated, else source_prefix(). No name equals an
/// address. Empty: it is this program itself.
std::string share_of(const context::inbound_part& client);

}  // namespace muxpro::proxy
