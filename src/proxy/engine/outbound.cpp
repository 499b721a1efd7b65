#include <muxpro/proxy/outbound.hpp>

#include "proxy/udp/datagram_drops.hpp"

#include "proxy/net/quiet_timer.hpp"

#include <asio/error.hpp>

#include <array>
#include <chrono>
#include <string>

namespace muxpro::proxy {

outbound::outbound() : drops_(std::make_shared<datagram_drops>()) {}
outbound::~outbound() = default;

void outbound::drop(drop_reason why, std::string_view whose, std::uint64_t datagrams) const noexcept {
  drops_->note(why, whose, datagrams);
}

// A refusal at once would have the client begin anew for each datagram.
asio::awaitable<connection_result> outbound::carry_datagrams(context ctx,
                                                             std::unique_ptr<datagram_stream> datagrams) {
  const counted here(*this);
  constexpr auto patience = std::chrono::seconds(1);
  const std::string whose = "outbound " + ctx.outbound.tag;
  quiet_timer quiet(datagrams->get_executor(), patience,
                    [d = datagrams.get()] { d->end(end_code::rejected); });
  std::array<std::byte, 1> unread;
  host_port to;
  for (;;) {
    std::error_code ec;
    co_await datagrams->receive(asio::buffer(unread), to, ec);
    if (ec && ec != asio::error::message_size) break;
    drop(drop_reason::no_udp, whose);
    quiet.touch();
  }
  connection_result result;
  result.why = errc::target_rejected;
  co_return result;
}

}  // namespace muxpro::proxy
