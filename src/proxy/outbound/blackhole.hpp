// To nowhere. Ring 4.
#pragma once

#include <muxpro/proxy/outbound.hpp>

namespace muxpro::proxy {

/// Refuses every connection with errc::target_rejected, or accepts it and answers 403 by HTTP/1.1, as Xray
/// has it for web pages. It takes and drops datagrams for as long as they come, because a refusal would make
/// the client ask again for each of them.
class blackhole final : public outbound {
 public:
  explicit blackhole(bool answers_by_http = false) noexcept : answers_by_http_(answers_by_http) {}

  asio::awaitable<connection_result> carry(const context& ctx, client& c) override;
  asio::awaitable<connection_result> carry_datagrams(context ctx,
                                                     std::unique_ptr<datagram_stream> datagrams) override;
  datagram_support support_for_datagrams() const noexcept override { return datagram_support::discarded; }

 private:
  const bool answers_by_http_;
};

}  // namespace muxpro::proxy
