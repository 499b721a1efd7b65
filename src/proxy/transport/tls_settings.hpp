// Parts of "tlsSettings".
#pragma once

#include "proxy/transport/tls.hpp"

namespace muxpro::proxy {

/// Versions, ciphers and groups.
void read_tls_versions(settings& s, tls_options& o);
/// "certificates", of this side and of authorities.
void read_tls_certificates(settings& s, role side, tls_options& o);

}  // namespace muxpro::proxy
