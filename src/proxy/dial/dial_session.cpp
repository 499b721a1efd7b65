#include "proxy/dial/dial_session.hpp"

#include "proxy/base/main_connection_target.hpp"

#include <muxpro/proxy/connection.hpp>

#include <cstddef>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace muxpro::proxy {

namespace {

asio::awaitable<std::shared_ptr<connection>> connect_by(std::shared_ptr<transport_dialer> dialer) {
  std::error_code ec;
  auto c = co_await dialer->dial(ec);
  if (ec) throw std::system_error(ec);
  co_return c;
}

}  // namespace

asio::awaitable<session> dial_session(std::shared_ptr<transport_dialer> dialer, session_options options) {
  const auto c = co_await connect_by(std::move(dialer));
  co_return c->into_session(role::client, options);
}

asio::awaitable<session> dial_session_by_socks(std::shared_ptr<transport_dialer> dialer,
                                               socks_outbound_options server, session_options options) {
  const auto c = co_await connect_by(std::move(dialer));
  std::error_code ec;
  const destination asked = main_connection_target(options.speaks);
  host_port target(asked.host, asked.port);
  const std::vector<std::byte> early = co_await ask_socks_server(c, std::move(target), server, ec);
  if (!ec && !early.empty()) ec = errc::bad_answer;  // it is the client that begins
  if (ec) throw std::system_error(ec);
  co_return c->into_session(role::client, options);
}

}  // namespace muxpro::proxy
