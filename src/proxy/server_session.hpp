// One main connection of a server: its session, and what becomes of each sub-stream.
#pragma once

#include <muxpro/proxy/mux_server.hpp>
#include <muxpro/semaphore.hpp>
#include <muxpro/session.hpp>

#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>

#include <memory>
#include <string>

namespace muxpro::proxy {

/// Lives on one thread.
class server_session : public std::enable_shared_from_this<server_session> {
 public:
  server_session(server_parts& parts, session main, const asio::ip::tcp::endpoint& peer,
                 admission::ticket ticket);
  ~server_session();

  /// From the negotiation to the end.
  asio::awaitable<void> run();
  void drain();
  void close() { session_.close(); }

 private:
  static asio::awaitable<void> accept_streams(std::shared_ptr<server_session> self);
  static asio::awaitable<void> carry(std::shared_ptr<server_session> self, sub_stream stream);
  static asio::awaitable<void> drain_and_close(std::shared_ptr<server_session> self);
  asio::awaitable<void> carry_bytes(sub_stream stream);
  asio::awaitable<asio::ip::tcp::socket> dial_for(sub_stream& stream, std::error_code& ec);
  asio::awaitable<void> pace();
  void report(std::error_code why);
  void report(const sub_stream& stream, std::error_code why);

  server_parts& parts_;
  const asio::ip::tcp::endpoint peer_;
  const std::uint64_t number_;
  session session_;
  admission::ticket ticket_;
  semaphore dials_;
  std::uint32_t waiting_dials_ = 0;
  time_point next_dial_{};
};

}  // namespace muxpro::proxy
