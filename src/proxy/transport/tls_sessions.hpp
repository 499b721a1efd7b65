// Sessions of TLS that a client resumes with a ticket of the server (RFC 8446 section 2.2, RFC 5077): such a
// handshake has no certificate. Ring 4.
#pragma once

#include <openssl/types.h>

namespace muxpro::proxy {

/// The server gives each client two tickets. Their key lives as long as the context.
void give_tickets(SSL_CTX* server);
/// The client keeps the last 64 sessions that may be resumed, until the context goes.
void keep_sessions(SSL_CTX* client);
/// Before the handshake of a client. A kept session of TLS 1.3 is resumed once, so that an observer cannot
/// connect two resumptions. Without one, or if keep_sessions() was not called, the handshake is a whole one.
void resume_session(SSL* client);

}  // namespace muxpro::proxy
