// Two sessions over a pipe in memory: a sub-stream is opened, written, read back.
#include <muxpro.hpp>

#include <fmt/format.h>
#include <asio.hpp>

asio::awaitable<void> serve(muxpro::session& session) {
  muxpro::sub_stream stream = co_await session.async_accept();
  std::string line;
  co_await asio::async_read_until(stream, asio::dynamic_buffer(line), '\n', asio::use_awaitable);
  line.insert(0, fmt::format("{} got ", stream.target()));
  co_await asio::async_write(stream, asio::buffer(line), asio::use_awaitable);
  co_await stream.async_shutdown();
}

asio::awaitable<void> call(muxpro::session& session) {
  muxpro::sub_stream stream = co_await session.async_open({{muxpro::network::tcp, "example.com", 80}});
  std::string line = "hello\n";
  co_await asio::async_write(stream, asio::buffer(line), asio::use_awaitable);
  line.clear();
  co_await asio::async_read_until(stream, asio::dynamic_buffer(line), '\n', asio::use_awaitable);
  fmt::print("{}", line);
  session.close();
}

int main() {
  asio::io_context io;
  auto [client_end, server_end] = muxpro::make_pipe(io.get_executor());
  muxpro::session client(std::move(client_end), muxpro::role::client);
  muxpro::session server(std::move(server_end), muxpro::role::server);
  client.async_run(asio::detached);
  server.async_run(asio::detached);
  asio::co_spawn(io, call(client), asio::detached);
  asio::co_spawn(io, serve(server), asio::detached);
  io.run();
}
