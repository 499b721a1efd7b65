#include <muxpro/proxy/transport_dialer.hpp>

#include "proxy/dial/connect_operation.hpp"
#include "proxy/dial/next_outbound.hpp"
#include "proxy/dial/resolver.hpp"
#include "proxy/dial/server_watch.hpp"
#include "proxy/net/or_error.hpp"

#include <asio/this_coro.hpp>

#include <memory>
#include <utility>

namespace muxpro::proxy {

struct transport_dialer::socket_dialer {
  explicit socket_dialer(const dial_options& o)
      : options(o), names(o.server_names ? resolver(o.server_names) : resolver()) {
    everything.allow_private(true);
  }
  std::shared_ptr<proxy::connect_operation> attempt(const asio::any_io_executor& executor) {
    return std::make_shared<proxy::connect_operation>(executor, names, everything, options);
  }

  dial_options options;
  resolver names;
  dial_policy everything;
};

transport_dialer::transport_dialer(stream_address to, transport_options how)
    : transport_dialer(std::move(to), std::move(how), dial_options()) {}
transport_dialer::transport_dialer(stream_address to, transport_options how, const dial_options& limits)
    : to_(std::move(to)),
      layers_(std::move(how.layers)),
      sockets_(std::make_unique<socket_dialer>(limits)),
      watch_(std::make_shared<server_watch>()) {
  sockets_->options.socket = how.socket;
}
transport_dialer::~transport_dialer() = default;

// A unix socket connects at once or not at all.
asio::awaitable<stream_socket> transport_dialer::connect(std::error_code& ec) {
  const auto executor = co_await asio::this_coro::executor;
  if (to_.is_unix()) {
    stream_socket socket(executor);
    co_await socket.async_connect(unix_endpoint(to_.path), or_error(ec));
    co_return socket;
  }
  const auto attempt = sockets_->attempt(executor);
  destination target(network::tcp, to_.at.host, to_.at.port);
  asio::ip::tcp::socket socket = co_await attempt->connect(std::move(target), ec);
  if (ec) co_return stream_socket(executor);
  co_return stream_socket(std::move(socket));
}

namespace {

transport_dialer::socket_addresses addresses_of(const stream_socket& s) {
  std::error_code gone;
  return {to_tcp(s.local_endpoint(gone)).address(), to_tcp(s.remote_endpoint(gone)).address()};
}

}  // namespace

asio::awaitable<std::vector<asio::ip::address>> transport_dialer::find(address host, std::uint16_t port,
                                                                       std::error_code& ec) {
  const auto executor = co_await asio::this_coro::executor;
  const auto search = sockets_->attempt(executor);
  co_return co_await search->find(std::move(host), port, ec);
}

asio::awaitable<std::shared_ptr<connection>> transport_dialer::open_socket(std::error_code& ec,
                                                                           socket_addresses* at) {
  if (through()) co_return co_await open_through(ec);
  stream_socket socket = co_await connect(ec);
  if (ec) co_return nullptr;
  if (at) *at = addresses_of(socket);
  std::shared_ptr<connection> c = make_connection(std::move(socket));
  co_return c;
}

asio::awaitable<std::shared_ptr<connection>> transport_dialer::open_through(std::error_code& ec) {
  const auto attempt = sockets_->attempt(co_await asio::this_coro::executor);
  destination target(network::tcp, to_.at.host, to_.at.port);
  target = co_await attempt->resolve(std::move(target), ec);
  if (ec) co_return nullptr;
  co_return co_await through()->connect(std::move(target), ec);
}

const next_outbound* transport_dialer::through() const noexcept { return sockets_->options.through.get(); }
/// Connections that dial again may outlive the dialer.
transport::opener transport_dialer::opener_for(std::shared_ptr<socket_addresses*> at) {
  const auto life = weak_from_this();
  const bool owned = !life.expired();
  return [this, life, owned, at = std::move(at)](std::error_code& why) {
    auto kept = life.lock();
    auto* const there = owned && !kept ? nullptr : this;
    return open_by(there, std::move(kept), at, why);
  };
}

asio::awaitable<std::shared_ptr<connection>> transport_dialer::open_by(transport_dialer* dialer,
                                                                       std::shared_ptr<transport_dialer>,
                                                                       std::shared_ptr<socket_addresses*> at,
                                                                       std::error_code& ec) {
  if (!dialer) {
    ec = asio::error::operation_aborted;
    co_return nullptr;
  }
  auto c = co_await dialer->open_socket(ec, *at);
  co_return c;
}

asio::awaitable<std::shared_ptr<connection>> transport_dialer::dial(std::error_code& ec,
                                                                    socket_addresses* at) {
  std::shared_ptr<connection> c;
  if (layers_) {
    const auto wanted = std::make_shared<socket_addresses*>(at);
    transport::opener below = opener_for(wanted);
    c = co_await layers_->dial(std::move(below), ec);
    *wanted = nullptr;
  } else {
    c = co_await open_socket(ec, at);
  }
  if (ec || !watch_->probes()) note(ec, co_await asio::this_coro::executor);
  if (ec) co_return nullptr;
  co_return c;
}

void transport_dialer::probe_by(std::function<asio::awaitable<void>()> probe) {
  watch_->probe_by(std::move(probe));
}

void transport_dialer::note(std::error_code outcome, const asio::any_io_executor& executor) {
  watch_->note(outcome, executor);
}

void transport_dialer::note_given_up(time_point began, const asio::any_io_executor& executor) {
  watch_->note_given_up(began, executor);
}

bool transport_dialer::failing() const noexcept { return watch_->failing(); }

}  // namespace muxpro::proxy
