// To nowhere. Ring 4.
#pragma once

#include <muxpro/proxy/outbound.hpp>

namespace muxpro::proxy {

/// Refuses every connection with errc::target_rejected. Datagrams it takes and drops, for as long as they
/// come: a refusal would have their client ask again for each of them.
class blackhole final : public outbound {
 public:
  asio::awaitable<connection_result> carry(const context& ctx, client& c) override;
  asio::awaitable<connection_result> carry_datagrams(context ctx,
                                                     std::unique_ptr<datagram_stream> datagrams) override;
  datagram_support support_for_datagrams() const noexcept override { return datagram_support::discarded; }
};

}  // namespace muxpro::proxy
