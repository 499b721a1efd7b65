// A client and a server in one process: what muxpro costs without a network.
#pragma once

#include "mux_bench.hpp"

#include <muxpro/pipe.hpp>

#include <asio/detached.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>

namespace bench {

struct session_pair {
  explicit session_pair(asio::io_context& io, const muxpro::session_options& options = {})
      : session_pair(muxpro::make_pipe(io.get_executor()), options) {}

  using sockets = std::pair<asio::local::stream_protocol::socket, asio::local::stream_protocol::socket>;
  static sockets connected_sockets(asio::io_context& io) {
    sockets both(io, io);
    asio::local::connect_pair(both.first, both.second);
    return both;
  }
  explicit session_pair(sockets both) : session_pair(std::move(both), muxpro::session_options()) {}

  muxpro::session client, server;

 private:
  template <class Stream>
  session_pair(std::pair<Stream, Stream> ends, const muxpro::session_options& options)
      : client(std::move(ends.first), muxpro::role::client, options),
        server(std::move(ends.second), muxpro::role::server, options) {
    client.async_run(asio::detached);
    server.async_run(asio::detached);
  }
};

}  // namespace bench
