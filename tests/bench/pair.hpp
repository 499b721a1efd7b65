// A client and a server in one process, over a pipe: what muxpro costs without a network.
#pragma once

#include "mux_bench.hpp"

#include <muxpro/pipe.hpp>

#include <asio/detached.hpp>

namespace bench {

struct session_pair {
  explicit session_pair(asio::io_context& io, const muxpro::session_options& options = {})
      : session_pair(muxpro::make_pipe(io.get_executor()), options) {}

  muxpro::session client, server;

 private:
  session_pair(std::pair<muxpro::pipe_end, muxpro::pipe_end> ends, const muxpro::session_options& options)
      : client(std::move(ends.first), muxpro::role::client, options),
        server(std::move(ends.second), muxpro::role::server, options) {
    client.async_run(asio::detached);
    server.async_run(asio::detached);
  }
};

}  // namespace bench
