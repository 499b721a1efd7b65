// The configuration of a server for main connections.
#pragma once

#include "proxy/config/config.hpp"
#include "proxy/inbound/mux.hpp"
#include "proxy/outbound/freedom.hpp"

#include <string>

namespace muxpro::proxy {

struct server_options {
  mux_inbound_options inbound;  ///< its relay is the outbound's as well
  freedom_options direct;
  socket_options socket = keepalive_socket();
  duration drain_timeout = config().drain_timeout;
  duration first_byte = config().first_byte;

  /// All time-outs divided by `factor`, for tests. Rates and sizes stay.
  server_options scaled(double factor) const;
  /// Empty if every value makes sense, else one sentence that names the option and its bounds.
  std::string validate() const;
};

/// A mux.pro inbound `server`, which has no place to listen on yet, in front of a freedom outbound `direct`.
/// Each sub-stream has a line in the log, ten lines in a second about one source address.
config server_config(const server_options& o);

}  // namespace muxpro::proxy
