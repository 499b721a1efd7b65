#include <muxpro/proxy/outbounds/blackhole.hpp>

namespace muxpro::proxy {

asio::awaitable<carried> blackhole::carry(context, outbound_link link) {
  carried result;
  result.why = end_code::rejected;
  link.target().tell(result.why);
  co_return result;
}

}  // namespace muxpro::proxy
