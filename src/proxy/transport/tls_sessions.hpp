// Sessions of TLS that a client resumes with a ticket of the server (RFC 8446 section 2.2, RFC 5077): such a
// handshake has no certificate. Ring 4.
#pragma once

#include <openssl/types.h>

namespace muxpro::proxy {

/// The server gives each client two tickets. Their key lives as long as the context.
void give_tickets(SSL_CTX* server);
/// The client keeps the last 64 sessions that may be resumed, until the context goes: those of TLS 1.3 when
/// their tickets come.
void keep_sessions(SSL_CTX* client);
/// Behind a handshake of a client whose server was accepted. Keeps a session of TLS 1.2, also one that was
/// resumed.
void keep_session_of(const SSL* client);
/// Before the handshake of a client. Takes the last session whose certificate has not expired. A session of
/// TLS 1.3 is resumed once, so that an observer cannot connect two resumptions. Without a session, or if
/// keep_sessions() was not called, the handshake is a whole one.
void resume_session(SSL* client);

}  // namespace muxpro::proxy
