#include "proxy/inbound/mixed.hpp"

#include <utility>

namespace muxpro::proxy {

asio::awaitable<void> mixed_inbound::serve(std::shared_ptr<connection> c, context ctx, dispatcher& to,
                                           admission::ticket place) const {
  pending_client who(std::move(c), ctx, std::move(place), handshake_);
  std::error_code ec;
  if (!who.read_available(socks_handshake::max_message))
    co_await who.read_more(socks_handshake::max_message, ec);
  if (ec) co_return;
  if (begins_socks(who.buffered().front()))
    co_await socks_.serve(who, to);
  else
    co_await http_.serve(who, to);
}

}  // namespace muxpro::proxy
