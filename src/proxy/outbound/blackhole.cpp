#include "proxy/outbound/blackhole.hpp"

#include "proxy/net/quiet_timer.hpp"

#include <asio/error.hpp>

#include <array>
#include <chrono>

namespace muxpro::proxy {

asio::awaitable<connection_result> blackhole::carry(const context&, client&) {
  connection_result result;
  result.why = errc::target_rejected;
  co_return result;
}

asio::awaitable<connection_result> blackhole::carry_datagrams(context,
                                                              std::unique_ptr<datagram_stream> datagrams) {
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
  connection_result result;
  result.why = errc::target_rejected;
  co_return result;
}

}  // namespace muxpro::proxy
