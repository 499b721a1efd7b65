#include "proxy/transport/websocket.hpp"

#include "proxy/transport/tls_stream.hpp"
#include "proxy/transport/upgrade_handshake.hpp"
#include "proxy/transport/websocket_stream.hpp"

#include <utility>

namespace muxpro::proxy {

namespace {

template <class Next>
std::shared_ptr<connection> framed_over(Next next, role side, websocket_beginning first) {
  websocket_stream<Next> stream(std::move(next), side, std::move(first));
  return std::make_shared<connection_over<websocket_stream<Next>>>(std::move(stream));
}

// A socket, and TLS over one, save a virtual call for each read and write, and the copy of a server's
// messages.
std::shared_ptr<connection> framed(const std::shared_ptr<connection>& below, role side,
                                   websocket_beginning first) {
  using secure_socket = tls_stream<stream_socket>;
  if (auto* const plain = dynamic_cast<connection_over<stream_socket>*>(below.get()))
    return framed_over(std::move(plain->stream()), side, std::move(first));
  if (auto* const secure = dynamic_cast<connection_over<secure_socket>*>(below.get()))
    return framed_over(std::move(secure->stream()), side, std::move(first));
  return framed_over(erased_stream(below), side, std::move(first));
}

}  // namespace

asio::awaitable<std::shared_ptr<connection>> upgrade_transport::open(std::shared_ptr<connection> below,
                                                                     std::error_code& ec) const {
  upgraded got;
  websocket_beginning first;
  const bool waits = side_ == role::client && options_.early_data > 0;
  if (waits && options_.protocol == upgrade_protocol::websocket)
    first.opening = std::make_unique<websocket_opening>(options_);
  else if (side_ == role::client)
    got = co_await ask_for_upgrade(below, options_, ec);
  else
    got = co_await accept_upgrade(below, options_, ec);
  if (ec) co_return nullptr;
  if (got.source) below->set_origin(connection::origin{{*got.source, 0}, {}});
  if (options_.protocol == upgrade_protocol::raw) co_return below;
  first.data = std::move(got.early);
  first.frames = std::move(got.behind);
  first.heartbeat = options_.heartbeat;
  auto c = framed(below, side_, std::move(first));
  c->inherit(*below);
  co_return c;
}

}  // namespace muxpro::proxy
