// measure_tickets(): measures the session tickets that the target of a REALITY server sends behind a
// handshake. Ring 4.
#pragma once

#include <muxpro/proxy/connection.hpp>

#include <asio/awaitable.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace muxpro::proxy {

/// Makes a TLS connection over `target` as a client that asks for `name`, and sends nothing.
/// Completes after two seconds with the lengths of the records that have come behind the handshake.
/// Errors: those of the handshake. The end of the connection is none.
/// Cancellation: none; cutting the connection ends it.
asio::awaitable<std::vector<std::size_t>> measure_tickets(std::shared_ptr<connection> target,
                                                          std::string name, std::error_code& ec);

}  // namespace muxpro::proxy
