// read_request_host() and others: read the keys about requests that WebSocket, HTTPUpgrade, XHTTP and gRPC
// share. Ring 4.
#pragma once

#include "proxy/http/head.hpp"

#include <muxpro/proxy/settings.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace muxpro::proxy {

/// Returns the value of Host or :authority for the server to which a client connects. An IPv6 address gets
/// brackets (RFC 3986 section 3.2.2). The server of a unix socket has no name, and gets "localhost".
std::string default_request_host(const std::string& server);
/// Whether a request may have it as its host: no space and no control character.
bool is_request_host(std::string_view text) noexcept;
/// Reads "host". A client without it asks for `server`.
void read_request_host(settings& s, role side, const std::string& server, std::string& host);
/// Returns a field of "headers". Returns nothing if it was reported as wrong. `is_own` returns whether
/// requests have a field of that name anyway.
std::optional<http_field> read_request_field(settings& s, const std::string& name, const setting& value,
                                             bool (*is_own)(std::string_view));

}  // namespace muxpro::proxy
