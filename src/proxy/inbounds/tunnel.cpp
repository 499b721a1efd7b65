#include "tunnel.hpp"

#include "../or_error.hpp"

#include <asio/write.hpp>

namespace muxpro::proxy {

asio::awaitable<void> tunnel(connection& c, inbound_link& link, std::vector<std::byte> early,
                             relay_options limits) {
  std::error_code ec;
  if (!early.empty()) co_await asio::async_write(link.stream, asio::buffer(early), or_error(ec));
  if (ec) {
    c.cut();
    co_return;
  }
  early = {};  // the relay may take days
  co_await c.relay(link.stream, limits, ec);
}

}  // namespace muxpro::proxy
