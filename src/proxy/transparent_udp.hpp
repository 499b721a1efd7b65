// UDP sockets between clients and where those send to: TPROXY of Linux. Ring 4.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/ip/udp.hpp>

#include <cstddef>
#include <system_error>

namespace muxpro::proxy {

/// Before it is bound: it gets datagrams to other addresses than its own, and is told which. Throws
/// std::system_error if there is no right to that.
void make_transparent(int socket);

/// One datagram, if there is one, and where it was sent to: to.port() is 0 if the kernel does not say.
std::size_t receive_redirected(asio::ip::udp::socket& socket, asio::mutable_buffer into,
                               asio::ip::udp::endpoint& from, asio::ip::udp::endpoint& to,
                               std::error_code& ec);

/// A socket that sends as `self`, which need be none of this machine's.
asio::ip::udp::socket speak_as(const asio::any_io_executor& executor, const asio::ip::udp::endpoint& self,
                               std::error_code& ec);

}  // namespace muxpro::proxy
