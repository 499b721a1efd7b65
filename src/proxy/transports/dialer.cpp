#include <muxpro/proxy/transport_dialer.hpp>

#include "../or_error.hpp"

#include <asio/this_coro.hpp>

#include <memory>
#include <utility>

namespace muxpro::proxy {

transport_dialer::transport_dialer(stream_address to, transport_use how, dial_options options)
    : to_(std::move(to)),
      over_(how.over ? std::move(how.over) : plain_transport()),
      options_(std::move(options)) {
  options_.socket = how.socket;
  everything_.allow_private(true);
}

// A unix socket connects at once or not at all.
asio::awaitable<stream_socket> transport_dialer::connect(std::error_code& ec) {
  const auto executor = co_await asio::this_coro::executor;
  if (to_.is_unix()) {
    stream_socket socket(executor);
    co_await socket.async_connect(unix_endpoint(to_.path), or_error(ec));
    co_return socket;
  }
  const auto attempt = std::make_shared<proxy::dial>(executor, names_, everything_, options_);
  destination target(network::tcp, to_.at.host, to_.at.port);
  asio::ip::tcp::socket socket = co_await attempt->connect(std::move(target), ec);
  if (ec) co_return stream_socket(executor);
  co_return stream_socket(std::move(socket));
}

asio::awaitable<std::shared_ptr<connection>> transport_dialer::dial(std::error_code& ec) {
  stream_socket socket = co_await connect(ec);
  std::shared_ptr<connection> c;
  if (!ec) c = co_await over_->open(std::move(socket), ec);
  note(ec);
  if (ec) co_return nullptr;
  co_return c;
}

bool transport_dialer::failing() const noexcept {
  constexpr duration memory = std::chrono::seconds(10);
  const time_point failed = failed_.load(std::memory_order_relaxed);
  return failed != time_point::min() && std::chrono::steady_clock::now() - failed < memory;
}

void transport_dialer::note(std::error_code outcome) noexcept {
  if (outcome == asio::error::operation_aborted) return;
  failed_.store(outcome ? std::chrono::steady_clock::now() : time_point::min(), std::memory_order_relaxed);
}

}  // namespace muxpro::proxy
