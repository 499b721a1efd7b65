// The handshake of a tls_stream, as the transports over TLS have it. Ring 4.
#pragma once

#include "proxy/net/or_error.hpp"
#include "proxy/transport/erased_stream.hpp"
#include "proxy/transport/tls_stream.hpp"

#include <muxpro/proxy/connection.hpp>
#include <muxpro/proxy/stream_socket.hpp>

#include <memory>
#include <system_error>
#include <utility>

namespace muxpro::proxy {

/// A socket of its own saves a virtual call for each read and write. Null: there are layers between.
inline connection_over<stream_socket>* on_socket(connection& below) noexcept {
  return dynamic_cast<connection_over<stream_socket>*>(&below);
}

/// Completes when the handshake over `next` is over. `extras` may be null.
/// Errors: those of tls_stream::async_handshake(); asio::error::timed_out after `limit`. The connection is
/// there all the same: closed rather than cut, it sends the alert with the reason.
/// Cancellation (terminal): as tls_stream::async_handshake().
template <class Next>
asio::awaitable<std::shared_ptr<connection_over<tls_stream<Next>>>> handshake_over(
    Next next, ssl_ptr ssl, std::unique_ptr<tls_extras> extras, duration limit, std::error_code& ec) {
  tls_stream<Next> stream(std::move(next), std::move(ssl), extras ? std::move(*extras) : tls_extras());
  auto c = std::make_shared<connection_over<tls_stream<Next>>>(std::move(stream));
  const deadline late(c, limit);
  co_await c->stream().async_handshake(or_error(ec));
  if (ec && late.expired()) ec = asio::error::timed_out;
  co_return c;
}

}  // namespace muxpro::proxy
