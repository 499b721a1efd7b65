#include "proxy/net/original_destination.hpp"

#include <muxpro/proxy/stream_socket.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

namespace muxpro::proxy {

namespace {

/// SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST of Linux, whose headers do not go together with those of libc.
constexpr int so_original_dst = 80;

}  // namespace

std::optional<host_port> original_destination(connection& c) {
  auto* const plain = dynamic_cast<connection_over<stream_socket>*>(&c);
  if (!plain) return std::nullopt;
  const int socket = plain->stream().native_handle();
  for (const int level : {IPPROTO_IP, IPPROTO_IPV6}) {
    asio::ip::tcp::endpoint e;
    auto size = static_cast<socklen_t>(e.capacity());
    if (::getsockopt(socket, level, so_original_dst, e.data(), &size) != 0) continue;
    e.resize(size);
    return host_port(e.address().to_string(), e.port());
  }
  return std::nullopt;
}

}  // namespace muxpro::proxy
