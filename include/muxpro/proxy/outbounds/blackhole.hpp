// To nowhere. Ring 4.
#pragma once

#include <muxpro/proxy/outbound.hpp>

namespace muxpro::proxy {

/// Refuses every connection with end_code::rejected. Datagrams it takes and drops, for as long as they come:
/// a refusal would have their client ask again for each of them.
class blackhole final : public outbound {
 public:
  asio::awaitable<carried> carry(context c, outbound_link link) override;
  asio::awaitable<carried> carry_datagrams(context c, std::unique_ptr<datagram_stream> datagrams) override;
};

}  // namespace muxpro::proxy
