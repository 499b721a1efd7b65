// refused_options(): tries socket options, and returns those that this process cannot set. Ring 4.
#pragma once

#include <muxpro/proxy/stream_socket.hpp>

#include <string>
#include <vector>

namespace muxpro::proxy {

struct refused_option {
  std::string key;       ///< of "sockopt"
  std::string sentence;  ///< what it is, and why it cannot be set
  bool essential;        ///< without it connections would take another route, so they fail
};

/// Tries the options on sockets of their own.
std::vector<refused_option> refused_options(const socket_options& o);
/// Throws std::runtime_error, with one sentence that names `tag`, if an essential one is refused.
void require_options(const socket_options& o, const std::string& tag);

}  // namespace muxpro::proxy
