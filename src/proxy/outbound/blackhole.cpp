#include "proxy/outbound/blackhole.hpp"

#include "proxy/http/answer.hpp"
#include "proxy/udp/relay_datagrams.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <utility>

namespace muxpro::proxy {

asio::awaitable<connection_result> blackhole::carry(const context&, client& c) {
  connection_result result;
  if (!answers_by_http_) {
    result.why = errc::target_rejected;
    co_return result;
  }
  const counted here(*this);
  const std::string words = http_answer(http_status::forbidden);
  co_await c.answer({}, result.why);
  if (!result.why) co_await c.write(asio::buffer(words), result.why);
  if (!result.why) co_await c.finish();
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
