// Accepts connections of TCP and unix sockets and hands them to the workers. Ring 4.
#pragma once

#include "proxy/engine/workers.hpp"

#include <muxpro/options.hpp>
#include <muxpro/proxy/admission.hpp>
#include <muxpro/proxy/log.hpp>
#include <muxpro/proxy/stream_socket.hpp>
#include <muxpro/timer.hpp>

#include <asio/awaitable.hpp>
#include <asio/basic_socket_acceptor.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace muxpro::proxy {

class unique_fd;
class unix_socket_file;

struct listener_options {
  /// Of the connections.
  socket_options socket;
  /// How long accepting rests without descriptors or memory.
  duration backoff = std::chrono::milliseconds(100);
  /// A proxy names the source of a connection later. It has a place of no source until then.
  bool proxied = false;
  /// See workers::take_slot().
  std::uint32_t lead = 0;
};

struct accepted_client {
  workers::slot slot;
  stream_socket socket;  ///< of the slot's io_context
  asio::ip::tcp::endpoint source;
  admission::ticket place;
};

/// Lives on the first worker's thread, and accepts as long as that runs or until it is closed.
class listener : public std::enable_shared_from_this<listener> {
 public:
  /// Called on the slot's thread.
  using accept_handler = std::function<void(accepted_client)>;
  /// Something that the log may want to have, about a peer or (0.0.0.0) the listener itself. Any thread.
  using log_line_function = std::function<void(log_level, const asio::ip::address&, const std::string&)>;

  /// Listens. A connection for which `admit` has no place is dropped. The path of a unix socket is removed in
  /// the end. Throws std::system_error.
  listener(workers& threads, const stream_endpoint& at, const listener_options& options,
           std::shared_ptr<admission> admit, accept_handler take, log_line_function note);
  ~listener();

  /// The port that was chosen for port 0.
  stream_endpoint local() const { return acceptor_.local_endpoint(); }
  /// Accepts from now on. Called before the workers start, or on its thread.
  void start();
  /// Any thread.
  void close();

 private:
  void listen(const stream_endpoint& at);
  void assign_new_socket(const stream_endpoint& at);
  asio::awaitable<void> run(std::shared_ptr<listener> self);
  asio::awaitable<std::error_code> accept_one();
  void hand_over(workers::slot slot, unique_fd client, const asio::ip::tcp::endpoint& source);
  bool must_rest(std::error_code why);
  asio::awaitable<void> rest();

  workers& workers_;
  const std::shared_ptr<admission> admit_;
  const std::shared_ptr<const accept_handler> take_;  ///< with those that are handed over
  const log_line_function note_;
  const listener_options options_;
  const asio::generic::stream_protocol protocol_;
  asio::basic_socket_acceptor<asio::generic::stream_protocol> acceptor_;
  std::unique_ptr<unix_socket_file> file_;
  counted_timer pause_;
};

}  // namespace muxpro::proxy
