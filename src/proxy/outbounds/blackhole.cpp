#include <muxpro/proxy/outbounds/blackhole.hpp>

#include "../quiet_timer.hpp"

#include <asio/error.hpp>

#include <array>
#include <chrono>

namespace muxpro::proxy {

asio::awaitable<carried> blackhole::carry(context, outbound_link link) {
  carried result;
  result.why = end_code::rejected;
  link.target().tell(result.why);
  co_return result;
}

asio::awaitable<carried> blackhole::carry_datagrams(context, std::unique_ptr<datagram_stream> datagrams) {
  const counted here(*this);
  constexpr auto patience = std::chrono::seconds(30);
  quiet_timer quiet(datagrams->get_executor(), patience,
                    [d = datagrams.get()] { d->end(end_code::rejected); });
  std::array<std::byte, 1> none;
  host_port to;
  std::error_code ec;
  do {
    co_await datagrams->receive(asio::buffer(none), to, ec);
    quiet.touch();
  } while (!ec || ec == asio::error::message_size);
  carried result;
  result.why = end_code::rejected;
  co_return result;
}

}  // namespace muxpro::proxy
