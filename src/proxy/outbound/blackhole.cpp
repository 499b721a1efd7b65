#include "proxy/outbound/blackhole.hpp"

#include "proxy/udp/relay_datagrams.hpp"

#include <chrono>
#include <functional>
#include <utility>

namespace muxpro::proxy {

asio::awaitable<connection_result> blackhole::carry(const context&, client&) {
  connection_result result;
  result.why = errc::target_rejected;
  co_return result;
}

asio::awaitable<connection_result> blackhole::carry_datagrams(context,
                                                              std::unique_ptr<datagram_stream> datagrams) {
  const counted here(*this);
  std::function<void()> not_counted = [] {};
  co_await reject_datagrams(std::move(datagrams), std::chrono::seconds(30), std::move(not_counted));
  connection_result result;
  result.why = errc::target_rejected;
  co_return result;
}

}  // namespace muxpro::proxy
