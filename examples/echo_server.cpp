// Echoes every sub-stream of every Mux.Pro session: bytes with half-close, datagrams with their addresses.
#include "common.hpp"
#include "sockets.hpp"

#include <muxpro.hpp>

#include <asio/co_spawn.hpp>
#include <asio/signal_set.hpp>
#include <asio/write.hpp>

#include <array>
#include <csignal>
#include <cstddef>
#include <memory>
#include <set>

namespace {

using namespace examples;

constexpr const char* help = R"(echo_server --listen HOST:PORT|unix:PATH [flags]
Accepts Mux.Pro sessions and sends back whatever comes on their sub-streams, TCP and UDP.

  --listen WHERE      HOST:PORT, [IPV6]:PORT or unix:PATH; port 0 takes a free one.
                      The first line of output names the address.
  --max-streams N     open sub-streams of one session at most (1 to 65535, default 512)
  --max-window BYTES  to how much a sub-stream's receive window may grow (64K to 1G, default 4M)
  --help              this text

SIGINT and SIGTERM: accepts nothing new, lets open sub-streams end for up to 5 s, exits with 0.
A second signal ends it at once. Exit status: 0, 1 if it cannot listen, 2 for a wrong command line.
)";

constexpr std::chrono::seconds drain_limit{5};
constexpr std::chrono::milliseconds accept_backoff{100};
constexpr std::size_t buffer_size = 64 * 1024;

struct server_options {
  endpoint listen;
  muxpro::session_options session;
};

server_options parse(int argc, char** argv) {
  server_options o;
  flags f(argc, argv);
  while (f.next()) {
    if (f.is("--help")) print_help(help);
    if (f.is("--listen"))
      o.listen = parse_endpoint("--listen", f.value(), 0);
    else if (f.is("--max-streams"))
      o.session.max_streams = f.number<std::uint32_t>(1, 65535);
    else if (f.is("--max-window"))
      o.session.max_window = f.number<std::uint32_t>(64 << 10, 1 << 30, true);
    else
      f.unknown();
  }
  if (o.listen.text.empty()) throw usage_error("--listen is missing; see --help");
  o.session.accept_backlog = o.session.max_streams;
  return o;
}

/// Completes a coroutine that is not awaited.
void log_exception(std::exception_ptr e) {
  try {
    if (e) std::rethrow_exception(e);
  } catch (const std::exception& error) {
    complain("echo_server", error.what());
  }
}

// A read or write that fails means that the whole sub-stream has failed: nothing is left to end.
asio::awaitable<void> echo_bytes(muxpro::sub_stream stream) {
  const auto memory = std::make_unique_for_overwrite<std::byte[]>(buffer_size);
  for (;;) {
    error_code ec;
    const std::size_t n =
        co_await stream.async_read_some(asio::buffer(memory.get(), buffer_size), or_error(ec));
    if (ec == asio::error::eof) break;
    if (ec) co_return;
    co_await asio::async_write(stream, asio::buffer(memory.get(), n), or_error(ec));
    if (ec) co_return;
  }
  error_code ignored;
  co_await stream.async_shutdown(or_error(ignored));
}

asio::awaitable<void> echo_datagrams(muxpro::sub_datagram stream) {
  const auto memory = std::make_unique_for_overwrite<std::byte[]>(muxpro::max_datagram);
  for (;;) {
    error_code ec;
    muxpro::host_port from;
    const auto into = asio::buffer(memory.get(), muxpro::max_datagram);
    const std::size_t n = co_await stream.async_receive_from(into, from, or_error(ec));
    if (ec == asio::error::eof) break;
    if (ec) co_return;
    // A full datagram may leave no room for its address; it is lost then, as UDP may lose anything.
    co_await stream.async_send_to(asio::buffer(memory.get(), n), from, or_error(ec));
    if (ec && ec != muxpro::errc::datagram_too_large) co_return;
  }
  error_code ignored;
  co_await stream.async_shutdown(or_error(ignored));
}

asio::awaitable<void> echo(muxpro::sub_stream stream) {
  if (stream.target().net == muxpro::network::tcp) return echo_bytes(std::move(stream));
  return echo_datagrams(muxpro::sub_datagram(std::move(stream)));
}

class echo_server {
 public:
  echo_server(asio::io_context& io, server_options options)
      : io_(io),
        options_(std::move(options)),
        listener_(listen_on(io, options_.listen)),
        signals_(io, SIGINT, SIGTERM),
        backoff_(io),
        drain_deadline_(io) {}

  void start() {
    fmt::print("listening on {}\n", listener_.name);
    std::fflush(stdout);
    wait_for_signal();
    asio::co_spawn(io_, accept_connections(), log_exception);
  }

 private:
  using shared_session = std::shared_ptr<muxpro::session>;

  asio::awaitable<void> accept_connections() {
    bool failing = false;
    while (listener_.acceptor.is_open()) {
      error_code ec;
      stream_socket socket = co_await listener_.acceptor.async_accept(or_error(ec));
      if (stopping_) co_return;
      if (!ec) {
        failing = false;
        asio::co_spawn(io_, serve(std::move(socket)), log_exception);
        continue;
      }
      // Usually there are no file descriptors left. The connection stays in the queue: without a pause
      // this would spin.
      if (!failing) complain("echo_server", "cannot accept: " + ec.message());
      failing = true;
      backoff_.expires_after(accept_backoff);
      co_await backoff_.async_wait(or_error(ec));
    }
  }

  asio::awaitable<void> serve(stream_socket socket) {
    error_code ec;
    const std::string peer = to_string(socket.remote_endpoint(ec));
    send_at_once(socket);
    const auto session =
        std::make_shared<muxpro::session>(std::move(socket), muxpro::role::server, options_.session);
    sessions_.insert(session);
    session->async_run([session, peer](error_code fate) {
      // Port scans and health checks connect and leave; only peers that spoke are worth a line.
      if (fate && session->stats().wire_received > 0)
        complain("echo_server", fmt::format("the session with {} ended: {}", peer, fate.message()));
    });
    for (;;) {
      muxpro::sub_stream stream = co_await session->async_accept(or_error(ec));
      if (ec) break;
      asio::co_spawn(io_, echo(std::move(stream)), log_exception);
    }
    sessions_.erase(session);
    finish_if_drained();
  }

  void wait_for_signal() {
    signals_.async_wait([this](error_code ec, int) {
      if (ec) return;
      if (std::exchange(stopping_, true)) return close_sessions();
      stop();
      if (!sessions_.empty()) wait_for_signal();
    });
  }

  void stop() {
    error_code ignored;
    listener_.acceptor.close(ignored);
    backoff_.cancel();
    for (const auto& s : sessions_) asio::co_spawn(io_, drain(s), log_exception);
    drain_deadline_.expires_after(drain_limit);
    drain_deadline_.async_wait([this](error_code ec) {
      if (!ec) close_sessions();
    });
    finish_if_drained();
  }

  asio::awaitable<void> drain(shared_session session) {
    error_code ec;
    co_await session->async_drain(or_error(ec));
    if (!ec) co_await session->async_close(or_error(ec));
  }

  void close_sessions() {
    complain("echo_server",
             fmt::format("sessions closed before their sub-streams ended: {}", sessions_.size()));
    for (const auto& s : sessions_) s->close();
  }

  void finish_if_drained() {
    if (stopping_ && sessions_.empty()) io_.stop();
  }

  asio::io_context& io_;
  const server_options options_;
  listener listener_;
  asio::signal_set signals_;
  asio::steady_timer backoff_;
  asio::steady_timer drain_deadline_;
  std::set<shared_session> sessions_;
  bool stopping_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  return run_program("echo_server", [&] {
    server_options options = parse(argc, argv);
    asio::io_context io(1);
    echo_server server(io, std::move(options));
    server.start();
    io.run();
    return 0;
  });
}
