// UDP sockets between clients and their targets, by TPROXY of Linux. Ring 4.
#pragma once

#include <muxpro/proxy/stream_socket.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/ip/udp.hpp>

#include <system_error>

namespace muxpro::proxy {

/// Options and messages of Linux, whose header with the one for IPv6 does not go together with those of libc.
inline constexpr int ip_original_destination = 20, ipv6_original_destination = 74;

/// Makes a socket receive datagrams to other addresses than its own, and arrival::original. Called before it
/// is bound. Throws std::system_error if the process lacks the privilege.
void make_transparent(int socket);

/// Returns a socket that sends as `self`, which need not be an address of this machine, with the mark and the
/// interface of `o`.
asio::ip::udp::socket open_transparent_socket(const asio::any_io_executor& executor,
                                              const asio::ip::udp::endpoint& self, const socket_options& o,
                                              std::error_code& ec);

}  // namespace muxpro::proxy
