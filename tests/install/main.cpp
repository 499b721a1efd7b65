// A TCP forwarder: every connection to it becomes a sub-stream to one target behind a Mux.Pro server.
//
//   forwarder LISTEN-PORT MUX-HOST:PORT TARGET-HOST:PORT
//   forwarder                       a self-test: an echo server behind it in this process, 1 MiB there and
//   back
#include <muxpro.hpp>

#include <fmt/format.h>
#include <asio.hpp>

#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>

namespace {

using asio::use_awaitable;
using asio::ip::tcp;

// --- the forwarder

asio::awaitable<tcp::socket> dial(std::string host, std::string port) {
  tcp::resolver resolver(co_await asio::this_coro::executor);
  const auto found = co_await resolver.async_resolve(host, port, use_awaitable);
  tcp::socket socket(co_await asio::this_coro::executor);
  co_await asio::async_connect(socket, found, use_awaitable);
  socket.set_option(tcp::no_delay(true));
  co_return socket;
}

asio::awaitable<void> forward(tcp::socket client, muxpro::client_pool& pool, muxpro::destination target) {
  muxpro::sub_stream stream = co_await pool.async_open({target});
  co_await muxpro::async_relay(client, stream);
}

// One connection that fails is no reason for the others to end.
void report(std::exception_ptr failed) {
  try {
    if (failed) std::rethrow_exception(failed);
  } catch (const std::exception& e) {
    fmt::print(stderr, "forwarder: a connection ended: {}\n", e.what());
  }
}

asio::awaitable<void> accept_connections(tcp::acceptor& acceptor, muxpro::client_pool& pool,
                                         muxpro::destination target) {
  for (;;) {
    tcp::socket client = co_await acceptor.async_accept(use_awaitable);
    asio::co_spawn(acceptor.get_executor(), forward(std::move(client), pool, target), report);
  }
}

// --- what stands behind it in the self-test

asio::awaitable<void> echo(muxpro::sub_stream stream) {
  std::string chunk(16 * 1024, '\0');
  for (;;) {
    std::error_code ec;
    const auto n =
        co_await stream.async_read_some(asio::buffer(chunk), asio::redirect_error(use_awaitable, ec));
    if (ec) break;
    co_await asio::async_write(stream, asio::buffer(chunk, n), use_awaitable);
  }
  co_await stream.async_shutdown();
}

asio::awaitable<void> accept_sub_streams(muxpro::session& session) {
  for (;;) {
    muxpro::sub_stream stream = co_await session.async_accept();
    asio::co_spawn(session.get_executor(), echo(std::move(stream)), asio::detached);
  }
}

asio::awaitable<void> serve_one(tcp::acceptor& acceptor) {
  tcp::socket socket = co_await acceptor.async_accept(use_awaitable);
  muxpro::session session(std::move(socket), muxpro::role::server);
  asio::co_spawn(acceptor.get_executor(), accept_sub_streams(session), asio::detached);
  co_await session.async_run();
}

asio::awaitable<void> write_and_end(tcp::socket& socket, const std::string& data) {
  co_await asio::async_write(socket, asio::buffer(data), use_awaitable);
  socket.shutdown(tcp::socket::shutdown_send);
}

asio::awaitable<void> there_and_back(tcp::endpoint forwarder, asio::io_context& io) {
  std::string sent(1 << 20, '\0');
  for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 31 % 251);
  tcp::socket socket(io);
  co_await socket.async_connect(forwarder, use_awaitable);
  asio::co_spawn(io, write_and_end(socket, sent), asio::detached);
  std::string back;
  std::error_code ec;
  co_await asio::async_read(socket, asio::dynamic_buffer(back), asio::redirect_error(use_awaitable, ec));
  if (ec != asio::error::eof) throw std::system_error(ec, "the answer");
  if (back != sent) throw std::runtime_error("what came back is not what was sent");
  io.stop();
}

void fail(std::exception_ptr failed) {
  if (failed) std::rethrow_exception(failed);
}

void self_test() {
  asio::io_context io;
  const tcp::endpoint any(asio::ip::address_v4::loopback(), 0);
  tcp::acceptor server(io, any), entrance(io, any);
  const std::string port = std::to_string(server.local_endpoint().port());
  muxpro::client_pool pool(io.get_executor(), [port] { return dial("127.0.0.1", port); });
  asio::co_spawn(io, serve_one(server), asio::detached);
  asio::co_spawn(io, accept_connections(entrance, pool, {muxpro::network::tcp, "echo.example", 7}), fail);
  asio::co_spawn(io, there_and_back(entrance.local_endpoint(), io), fail);
  io.run();
  fmt::print("1 MiB went there and back\n");
}

// --- the command line

std::pair<std::string, std::string> host_and_port(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) throw std::invalid_argument(fmt::format("'{}' is not HOST:PORT", text));
  return {text.substr(0, colon), text.substr(colon + 1)};
}

std::uint16_t port_of(const std::string& text) {
  char* end = nullptr;
  const unsigned long port = std::strtoul(text.c_str(), &end, 10);
  if (text.empty() || *end || port == 0 || port > 65535)
    throw std::invalid_argument(fmt::format("'{}' is no port", text));
  return static_cast<std::uint16_t>(port);
}

void run(const std::string& listen, const std::string& mux, const std::string& to) {
  const auto [mux_host, mux_port] = host_and_port(mux);
  const auto [host, port] = host_and_port(to);
  const muxpro::destination target{muxpro::network::tcp, host, port_of(port)};
  asio::io_context io;
  tcp::acceptor entrance(io, tcp::endpoint(tcp::v4(), port_of(listen)));
  muxpro::client_pool pool(io.get_executor(), [h = mux_host, p = mux_port] { return dial(h, p); });
  asio::co_spawn(io, accept_connections(entrance, pool, target), fail);
  io.run();
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc == 1)
    self_test();
  else if (argc == 4)
    run(argv[1], argv[2], argv[3]);
  else
    throw std::invalid_argument("usage: forwarder LISTEN-PORT MUX-HOST:PORT TARGET-HOST:PORT");
} catch (const std::exception& e) {
  fmt::print(stderr, "forwarder: {}\n", e.what());
  return 1;
}
