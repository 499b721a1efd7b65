// The server name in a ClientHello, whose end may not have come yet. TLS and QUIC share it.
#pragma once

#include "proxy/sniff/sniffer.hpp"

#include <string>

namespace muxpro::proxy {

struct hello_clue {
  sniff_status status = sniff_status::no_clue;
  std::string server_name;
};

/// A handshake message, from its first byte on (RFC 8446 section 4.1.2). Found with the server_name
/// extension, or at the end of a hello without one.
hello_clue read_client_hello(const_bytes handshake);

}  // namespace muxpro::proxy
