#include <muxpro/proxy/inbounds/mixed.hpp>

#include <utility>

namespace muxpro::proxy {

asio::awaitable<void> mixed_inbound::serve(std::shared_ptr<connection> c, context known, dispatcher& to,
                                           admission::ticket place) const {
  newcomer who(std::move(c), std::move(known), std::move(place), handshake_);
  std::error_code ec;
  if (!who.hear_now(socks_handshake::max_message)) co_await who.listen(socks_handshake::max_message, ec);
  if (ec) co_return;
  if (begins_socks(who.said().front()))
    co_await socks_.serve(who, to);
  else
    co_await http_.serve(who, to);
}

}  // namespace muxpro::proxy
