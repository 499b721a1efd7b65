// Over sub-streams of main connections to a server. Ring 4.
#pragma once

#include <muxpro/client_pool.hpp>
#include <muxpro/proxy/outbound.hpp>
#include <muxpro/proxy/registry.hpp>
#include <muxpro/relay_options.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include <cstdint>
#include <functional>

namespace muxpro::proxy {

/// The plan of an outbound to this server.
outbound_plan mux_plan(stream_address server);

class mux_outbound final : public outbound {
 public:
  /// Makes a session of the role client that is not negotiated yet, or throws std::system_error.
  using dialer = std::function<asio::awaitable<session>()>;

  /// `priority` is that of sub-streams whose context has no priority.
  mux_outbound(const asio::any_io_executor& executor, dialer dial, client_pool_options pool,
               relay_options relay, std::uint8_t priority = 0)
      : speaks_(pool.session.speaks),
        pool_(executor, std::move(dial), std::move(pool)),
        relay_(relay),
        priority_(priority) {}

  asio::awaitable<connection_result> carry(const context& ctx, client& c) override;
  asio::awaitable<connection_result> carry_datagrams(context ctx,
                                                     std::unique_ptr<datagram_stream> datagrams) override;
  datagram_support support_for_datagrams() const noexcept override { return datagram_support::carried; }
  void drain() override;
  void close() override { pool_.close(); }
  std::vector<session_stats> main_connections() const override { return pool_.sessions(); }
  client_pool_stats stats() const { return pool_.stats(); }

 private:
  asio::awaitable<sub_stream> wait_for_stream(client& c, open_request request, std::error_code& ec);

  asio::awaitable<sub_stream> open_for_datagrams(datagram_stream& from, const context& ctx,
                                                 std::error_code& ec);
  asio::awaitable<void> take_first(datagram_stream& from, const context& ctx, open_request& to,
                                   std::error_code& ec);

  const dialect speaks_;
  client_pool pool_;
  const relay_options relay_;
  const std::uint8_t priority_;
};

}  // namespace muxpro::proxy
