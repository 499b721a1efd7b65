// UDP sockets between clients and where those send to: TPROXY of Linux. Ring 4.
#pragma once

#include <muxpro/proxy/stream_socket.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/ip/udp.hpp>

#include <system_error>

namespace muxpro::proxy {

/// Options and messages of Linux, whose header with the one for IPv6 does not go together with those of libc.
inline constexpr int ip_original_destination = 20, ipv6_original_destination = 74;

/// Before it is bound: it gets datagrams to other addresses than its own, and arrival::original. Throws
/// std::system_error if there is no right to that.
void make_transparent(int socket);

/// A socket that sends as `self`, which need be none of this machine's, with the mark and the interface of
/// `o`.
asio::ip::udp::socket speak_as(const asio::any_io_executor& executor, const asio::ip::udp::endpoint& self,
                               const socket_options& o, std::error_code& ec);

}  // namespace muxpro::proxy
