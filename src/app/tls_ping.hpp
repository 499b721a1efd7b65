// tls_ping(): prints what a TLS server offers.
#pragma once

#include <string>

namespace muxpro::app {

/// Prints the version, cipher, protocol and certificate that HOST[:PORT] chooses. `address` is where to
/// connect, or empty. Returns the exit status.
int tls_ping(const std::string& host, const std::string& address);

}  // namespace muxpro::app
