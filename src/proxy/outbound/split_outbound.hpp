// split_outbound: carries connections and datagrams by different outbounds to the same server. Ring 4.
#pragma once

#include <muxpro/proxy/outbound.hpp>

#include <memory>
#include <utility>
#include <vector>

namespace muxpro::proxy {

class split_outbound final : public outbound {
 public:
  struct choices {
    std::shared_ptr<outbound> streams, datagrams;
    std::shared_ptr<outbound> quic;  ///< datagrams to port 443, null to drop them
  };
  explicit split_outbound(choices w);

  asio::awaitable<connection_result> carry(const context& ctx, client& c) override;
  asio::awaitable<connection_result> carry_datagrams(context ctx,
                                                     std::unique_ptr<datagram_stream> datagrams) override;
  datagram_support support_for_datagrams() const noexcept override {
    return choices_.datagrams->support_for_datagrams();
  }
  void count_drops_in(std::shared_ptr<datagram_drops> d) override;
  std::vector<session_stats> main_connections() const override;
  void drain() override;
  void close() override;

 private:
  const choices choices_;
  std::vector<std::shared_ptr<outbound>> all_;  ///< each once
};

}  // namespace muxpro::proxy
