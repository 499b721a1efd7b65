// Datagrams with the address of this machine that they were sent to, and answers from that address. Ring 4.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/ip/address.hpp>
#include <asio/ip/udp.hpp>

#include <array>
#include <cstddef>
#include <system_error>

namespace muxpro::proxy {

/// Where a datagram came from and where it was sent to.
struct arrival {
  asio::ip::udp::endpoint from;
  /// The target before TPROXY has redirected it. Its port is 0 if the kernel does not report it.
  asio::ip::udp::endpoint original;
  /// The address of this machine. Unspecified if the socket does not ask for it, or no answer can come from
  /// there.
  asio::ip::address local;
};

/// A socket that is bound to an unspecified address receives arrival::local from now on. Of a socket for
/// IPv6, an IPv4 address is a mapped one.
void ask_for_local_address(asio::ip::udp::socket& socket) noexcept;

/// Receives one datagram, if there is one. Else `ec` is that of recvmsg(), would_block or what the system
/// reports of an earlier datagram.
std::size_t receive_addressed(asio::ip::udp::socket& socket, asio::mutable_buffer into, arrival& how,
                              std::error_code& ec);

/// One datagram of a header and a payload.
using packet_parts = std::array<asio::const_buffer, 2>;

/// Sends from the address `self`, or from any if it is unspecified or does not exist any more. Waits for
/// room. Errors: those of sendmsg(), and operation_aborted or bad_descriptor if the socket is closed
/// meanwhile.
asio::awaitable<void> async_send_from(asio::ip::udp::socket& socket, packet_parts data,
                                      asio::ip::udp::endpoint to, asio::ip::address self,
                                      std::error_code& ec);

}  // namespace muxpro::proxy
