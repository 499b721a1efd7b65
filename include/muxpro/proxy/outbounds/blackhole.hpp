// To nowhere. Ring 4.
#pragma once

#include <muxpro/proxy/outbound.hpp>

namespace muxpro::proxy {

/// Refuses every connection with end_code::rejected.
class blackhole final : public outbound {
 public:
  asio::awaitable<carried> carry(context c, outbound_link link) override;
};

}  // namespace muxpro::proxy
