#include "proxied.hpp"

#include "client.hpp"

#include "proxy/inbound/mux.hpp"
#include "proxy/inbound/socks.hpp"
#include "proxy/outbound/freedom.hpp"
#include "proxy/outbound/mux.hpp"
#include "proxy/policy/dial_policy.hpp"
#include "proxy/sniff/sniff_policy.hpp"

#include <muxpro/proxy/dispatcher.hpp>
#include <muxpro/proxy/geo_files.hpp>
#include <muxpro/testing/manual_clock.hpp>

#include <asio/detached.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>

#include <fmt/format.h>

#include <array>
#include <memory>
#include <string>
#include <utility>

namespace bench {

namespace {

using namespace muxpro::proxy;
using asio::use_awaitable;
using asio::ip::tcp;

constexpr std::size_t message_size = 64;
constexpr unsigned messages = 5'000, connections = 500;

std::pair<stream_socket, stream_socket> socket_pair(asio::io_context& io) {
  asio::local::stream_protocol::socket near(io), far(io);
  asio::local::connect_pair(near, far);
  return {stream_socket(std::move(near)), stream_socket(std::move(far))};
}

/// Both proxies and the target in one thread, with sockets of the kernel between them.
class proxies {
 public:
  explicit proxies(bool sniffs) : clock_(io), front_(io.get_executor()), back_(io.get_executor()) {
    anywhere_.allow_private(true);
    back_.add("direct",
              std::make_shared<freedom>(names_, anywhere_, dial_options(), muxpro::relay_options()));
    muxpro::client_pool_options pool;
    pool.max_concurrency = 1000;
    pool.session = options();
    front_.add("server",
               std::make_shared<mux_outbound>(
                   io.get_executor(), [this] { return dial(*this); }, pool, muxpro::relay_options()));
    if (sniffs) {
      sniffing_options look;
      look.enabled = true;
      sniffing_ = std::make_shared<const sniff_policy>(look, no_lists_);
    }
    asio::co_spawn(io, echo_all(target_), asio::detached);
  }
  ~proxies() { front_.close(); }

  /// A client's connection that is connected to the echo.
  asio::awaitable<stream_socket> connect() {
    auto [near, far] = socket_pair(io);
    context ctx;
    ctx.id = context::new_id();
    ctx.inbound.tag = "in";
    ctx.content.sniffing = sniffing_;
    asio::co_spawn(io, socks_.serve(make_connection(std::move(far)), std::move(ctx), front_, {}),
                   asio::detached);
    const std::uint16_t port = target_.local_endpoint().port();
    const std::string hello("\x05\x01\x00", 3);
    std::string request("\x05\x01\x00\x01\x7f\x00\x00\x01", 8);
    request += {static_cast<char>(port >> 8), static_cast<char>(port & 255)};
    std::array<char, 10> reply;
    co_await asio::async_write(near, asio::buffer(hello), use_awaitable);
    co_await asio::async_read(near, asio::buffer(reply, 2), use_awaitable);
    co_await asio::async_write(near, asio::buffer(request), use_awaitable);
    co_await asio::async_read(near, asio::buffer(reply), use_awaitable);
    if (reply[1] != 0) throw failure("the proxy refuses a connection");
    co_return std::move(near);
  }
  void run(asio::awaitable<void> work) {
    bool done = false;
    std::exception_ptr failed;
    asio::co_spawn(io, std::move(work), [&](std::exception_ptr e) { done = true, failed = e; });
    while (!done) io.run_one();
    if (failed) std::rethrow_exception(failed);
  }

  asio::io_context io{1};

 private:
  static muxpro::session_options options() {
    muxpro::session_options o;
    o.random_seed = 1;
    return o;
  }
  static asio::awaitable<muxpro::session> dial(proxies& p) {
    auto [near, far] = socket_pair(p.io);
    asio::co_spawn(p.io, p.mux_.serve(make_connection(std::move(far)), context(), p.back_, {}),
                   asio::detached);
    co_return muxpro::session(std::move(near), muxpro::role::client, options());
  }
  static asio::awaitable<void> echo(tcp::socket s) {
    std::array<char, 2 * message_size> room;
    for (error_code ec; !ec;) {
      const std::size_t n = co_await s.async_read_some(asio::buffer(room), or_error(ec));
      if (!ec) co_await asio::async_write(s, asio::buffer(room, n), or_error(ec));
    }
  }
  static asio::awaitable<void> echo_all(tcp::acceptor& at) {
    for (;;) {
      tcp::socket s = co_await at.async_accept(use_awaitable);
      asio::co_spawn(at.get_executor(), echo(std::move(s)), asio::detached);
    }
  }
  static mux_inbound_options server_options() {
    mux_inbound_options o;
    o.session = options();
    return o;
  }

  muxpro::testing::manual_clock clock_;
  resolver names_;
  dial_policy anywhere_;
  geo_files no_lists_;
  std::shared_ptr<const sniff_policy> sniffing_;
  const socks_inbound socks_{socks_inbound_options()};
  const mux_inbound mux_{server_options()};
  dispatcher front_, back_;
  tcp::acceptor target_{io, {asio::ip::address_v4::loopback(), 0}};
};

/// The first bytes are those of HTTP: a sniffer is sure at once.
std::string first_message() {
  std::string text = "GET / HTTP/1.1\r\nHost: www.example.com\r\nAccept: ";
  text.resize(message_size - 4, '*');
  return text + "\r\n\r\n";
}

asio::awaitable<void> exchange(stream_socket& s, const std::string& message) {
  std::array<char, message_size> heard;
  co_await asio::async_write(s, asio::buffer(message), use_awaitable);
  co_await asio::async_read(s, asio::buffer(heard), use_awaitable);
  if (std::string_view(heard.data(), heard.size()) != message) throw failure("another message comes back");
}

asio::awaitable<void> exchange_many(proxies& p) {
  stream_socket s = co_await p.connect();
  const std::string message = first_message();
  for (unsigned i = 0; i < messages; ++i) co_await exchange(s, message);
}

asio::awaitable<void> connect_often(proxies& p) {
  const std::string message = first_message();
  for (unsigned i = 0; i < connections; ++i) {
    stream_socket s = co_await p.connect();
    co_await exchange(s, message);
    s.shutdown(asio::socket_base::shutdown_send);
    char none = 0;
    error_code end;
    co_await s.async_read_some(asio::buffer(&none, 1), or_error(end));
    if (end != asio::error::eof) throw failure(fmt::format("a connection ends by {}", end.message()));
  }
}

}  // namespace

void count_echo(bool sniffs) {
  proxies p(sniffs);
  p.run(exchange_many(p));
}

void count_short_connections(bool sniffs) {
  proxies p(sniffs);
  p.run(connect_often(p));
}

}  // namespace bench
