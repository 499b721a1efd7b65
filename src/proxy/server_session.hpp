// One main connection of a server: its session, and what becomes of each sub-stream.
#pragma once

#include "main_connection.hpp"

#include <muxpro/proxy/mux_server.hpp>

#include <asio/awaitable.hpp>

#include <memory>
#include <string>

namespace muxpro::proxy {

class server_session final : public main_connection {
 public:
  /// `user`: who the peer has proved to be; empty: nobody had to say.
  server_session(server_parts& parts, session main, const asio::ip::tcp::endpoint& peer, std::string user,
                 admission::ticket ticket);
  ~server_session() override;

  asio::awaitable<void> run_and_report();
  /// What it does now.
  instance_report::accepted describe();

 private:
  asio::awaitable<void> carry(sub_stream stream) override;
  /// Payload of a sub-stream, from its client and to it, and why it ended.
  struct carried {
    std::uint64_t up = 0, down = 0;
    std::error_code why;
    bool odd = false;  ///< not one of the usual ends
  };
  asio::awaitable<carried> carry_bytes(sub_stream& stream);
  asio::awaitable<carried> carry_datagrams(sub_stream stream);
  asio::awaitable<asio::ip::tcp::socket> dial_for(sub_stream& stream, carried& how);
  asio::awaitable<void> pace();
  void count(const session_stats& now);
  void report(std::error_code why);
  void report(stream_id stream, const destination& target, const carried& how, duration took);
  std::string name() const;

  server_parts& parts_;
  const asio::ip::tcp::endpoint peer_;
  const std::string user_;
  const std::uint64_t number_;
  time_point next_dial_{};
  std::uint64_t counted_up_ = 0, counted_down_ = 0;
};

}  // namespace muxpro::proxy
