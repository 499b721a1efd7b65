// The flags of TLS, on either side.
#pragma once

#include "proxy/transport/tls.hpp"

#include <muxpro/proxy/transport.hpp>

#include <string>

namespace CLI {
class App;
}

namespace muxpro::app {

struct tls_flags {
  bool on = false;
  proxy::tls_options options;

  /// --tls-cert, --tls-key, --tls-client-ca.
  void add_to_server(CLI::App& c);
  /// --tls, --tls-name, --tls-ca, --tls-pin, --tls-cert, --tls-key.
  void add_to_client(CLI::App& c);

  /// Returns what the flags ask for. Reads the files. Throws usage_error, and std::runtime_error about files.
  proxy::transport_options server() const;
  /// `host` is the name of a server that --tls-name does not name.
  proxy::transport_options client(const std::string& host) const;
};

}  // namespace muxpro::app
