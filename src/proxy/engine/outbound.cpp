#include <muxpro/proxy/outbound.hpp>

#include "proxy/udp/datagram_drops.hpp"
#include "proxy/udp/relay_datagrams.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <utility>

namespace muxpro::proxy {

outbound::outbound() : drops_(std::make_shared<datagram_drops>()) {}
outbound::~outbound() = default;

void outbound::drop(drop_reason why, std::string_view whose, std::uint64_t datagrams) const noexcept {
  drops_->note(why, whose, datagrams);
}

asio::awaitable<connection_result> outbound::carry_to_end(const context& ctx, client& c) {
  connection_result result = co_await carry(ctx, c);
  const counted relaying(*this);
  if (!result.why) co_await c.relay_if_handed_over(result.why);
  co_return result;
}

// A refusal at once would have the client begin anew for each datagram.
asio::awaitable<connection_result> outbound::carry_datagrams(context ctx,
                                                             std::unique_ptr<datagram_stream> datagrams) {
  const counted here(*this);
  std::function<void()> count = [this, whose = "outbound " + ctx.outbound.tag] {
    drop(drop_reason::no_udp, whose);
  };
  co_await reject_datagrams(std::move(datagrams), std::chrono::seconds(1), std::move(count));
  connection_result result;
  result.why = errc::target_rejected;
  co_return result;
}

}  // namespace muxpro::proxy
