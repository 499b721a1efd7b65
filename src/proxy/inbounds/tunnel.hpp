// The end of every handshake: from now on both sides say what they like.
#pragma once

#include <muxpro/proxy/connection.hpp>
#include <muxpro/proxy/dispatcher.hpp>
#include <muxpro/proxy/link.hpp>

#include <asio/awaitable.hpp>

#include <cstddef>
#include <memory>
#include <vector>

namespace muxpro::proxy {

/// `early` is what the client has said behind its request. It ends when both sides have, or by a cut.
asio::awaitable<void> tunnel(std::shared_ptr<connection> c, inbound_link& link, std::vector<std::byte> early,
                             relay_options limits);

/// For clients that have no request to be answered: without its target the connection is cut.
asio::awaitable<void> dispatch_and_tunnel(std::shared_ptr<connection> c, context known, dispatcher& to,
                                          relay_options limits);

}  // namespace muxpro::proxy
