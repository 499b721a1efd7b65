// A server for main connections: accepts them, dials what their sub-streams ask for, relays. Ring 4.
#pragma once

#include <muxpro/proxy/admission.hpp>
#include <muxpro/proxy/dial_policy.hpp>
#include <muxpro/proxy/instance_report.hpp>
#include <muxpro/proxy/listener.hpp>
#include <muxpro/proxy/log.hpp>
#include <muxpro/proxy/resolver.hpp>
#include <muxpro/proxy/server_options.hpp>
#include <muxpro/proxy/transport.hpp>
#include <muxpro/proxy/udp_nat.hpp>
#include <muxpro/proxy/workers.hpp>

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace muxpro::proxy {

class instance;

/// What all main connections of a server share; any thread may use it.
struct server_parts {
  server_parts(server_options o, log_sink sink);

  const server_options options;
  const log_sink log;
  resolver names;
  dial_policy policy;
  /// Of peers. What usually happens takes no place of other lines, nor do sub-streams that end oddly and must
  /// not get lost among them.
  braked_log events, access, odd_ends;
  const std::shared_ptr<admission> unnegotiated;
  udp_nat nat;
  std::atomic<std::uint64_t> sessions_ever{0}, sessions{0}, streams_ever{0}, streams{0};
  /// Payload, from clients and to them; a session's is added when it is looked at, and when it ends.
  std::atomic<std::uint64_t> up{0}, down{0};
};

/// One io_context and one thread for each core; a main connection stays on one of them.
///
///   muxpro::proxy::mux_server server(options, threads, sink);
///   server.parts().policy.allow_private(true);
///   server.listen({asio::ip::make_address("127.0.0.1"), 9527});
///   server.start();
///   ...
///   server.drain();
///   server.wait();
class mux_server {
 public:
  /// Throws std::invalid_argument with the sentence of server_options::validate().
  mux_server(server_options options, std::size_t threads, log_sink sink);
  mux_server(const mux_server&) = delete;
  mux_server& operator=(const mux_server&) = delete;
  /// Cuts everything.
  ~mux_server();

  /// To be set up before start().
  server_parts& parts() noexcept { return *parts_; }
  /// Listens, accepts from start() on. Returns the address with the port that was chosen for port 0. It will
  /// never be dialled. Throws std::system_error. Sockets are kept alive, and lost by options.user_timeout,
  /// whatever `how` says.
  stream_endpoint listen(const stream_endpoint& at, transport_use how = {});
  asio::ip::tcp::endpoint listen(const asio::ip::tcp::endpoint& at, transport_use how = {}) {
    return to_tcp(listen(stream_endpoint(at), std::move(how)));
  }
  /// Serves a status_inbound there, on a thread of its own, as long as the server lives. Nobody can dial it,
  /// either. Once at most; throws std::system_error.
  stream_endpoint listen_for_status(const stream_endpoint& at);
  /// All main connections, and the sums of all that were: as an inbound `server`, whose connections are
  /// sub-streams. Any executor. Waits a second at most for its threads. The server must outlive it.
  asio::awaitable<instance_report> report();
  void start();
  /// Accepts no more main connections and no more sub-streams, ends each main connection after its last
  /// sub-stream, and all of them after drain_timeout. Any thread, any number of times.
  void drain();
  /// Until a drain is over. Cuts what is left then.
  void wait();

 private:
  class shard;

  std::unique_ptr<server_parts> parts_;
  std::unique_ptr<instance> status_;
  std::unique_ptr<workers> workers_;
  std::vector<std::unique_ptr<shard>> shards_;
  std::vector<std::unique_ptr<listener>> listeners_;
};

}  // namespace muxpro::proxy
