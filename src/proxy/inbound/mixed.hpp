// SOCKS and HTTP on one port. Ring 4.
#pragma once

#include "proxy/inbound/http.hpp"
#include "proxy/inbound/socks.hpp"

#include <memory>
#include <utility>

namespace muxpro::proxy {

/// Both ask for the same users and have the same limits.
struct mixed_inbound_options : socks_inbound_options {
  mixed_inbound_options() = default;
  mixed_inbound_options(socks_inbound_options o) : socks_inbound_options(std::move(o)) {}

  http_head_limits head;  ///< of HTTP

  http_inbound_options for_http() const {
    http_inbound_options o;
    o.users = users;
    o.handshake = handshake;
    o.relay = relay;
    o.head = head;
    o.main_connections = main_connections;
    return o;
  }
};

/// The plan of an inbound with these options.
inbound_plan plan_of(const mixed_inbound_options& o);

/// SOCKS and HTTP, distinguished by the first byte.
class mixed_inbound final : public inbound {
 public:
  explicit mixed_inbound(const mixed_inbound_options& o)
      : handshake_(o.handshake), socks_(o), http_(o.for_http()) {}

  asio::awaitable<void> serve(std::shared_ptr<connection> c, context ctx, dispatcher& to,
                              admission::ticket place) const override;

 private:
  const duration handshake_;
  const socks_inbound socks_;
  const http_inbound http_;
};

}  // namespace muxpro::proxy
