// Connections through a client's SOCKS inbound, a main connection and a server's freedom outbound.
#pragma once

namespace bench {

/// 5,000 messages of 64 bytes to an echo and back, over one connection. `sniffs`: the SOCKS inbound sniffs.
void count_echo(bool sniffs);
/// 500 connections, one after the other, of one message of 64 bytes each.
void count_short_connections(bool sniffs);

}  // namespace bench
