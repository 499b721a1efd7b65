#include <muxpro/proxy/outbound.hpp>

namespace muxpro::proxy {

asio::awaitable<carried> outbound::carry_datagrams(context, std::unique_ptr<datagram_stream> datagrams) {
  carried result;
  result.why = end_code::rejected;
  datagrams->end(end_code::rejected);
  co_return result;
}

}  // namespace muxpro::proxy
