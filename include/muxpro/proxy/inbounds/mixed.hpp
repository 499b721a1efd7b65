// SOCKS and HTTP on one port. Ring 4.
#pragma once

#include <muxpro/proxy/inbounds/http.hpp>
#include <muxpro/proxy/inbounds/socks.hpp>

#include <memory>

namespace muxpro::proxy {

/// Both ask for the same users and have the same limits.
using mixed_inbound_options = socks_inbound_options;

/// Tells them apart by the first byte.
class mixed_inbound final : public inbound {
 public:
  explicit mixed_inbound(const mixed_inbound_options& o)
      : handshake_(o.handshake), socks_(o), http_({o.users, o.handshake, o.relay, o.main_connections}) {}

  asio::awaitable<void> serve(std::shared_ptr<connection> c, context known, dispatcher& to,
                              admission::ticket place) const override;

 private:
  const duration handshake_;
  const socks_inbound socks_;
  const http_inbound http_;
};

}  // namespace muxpro::proxy
