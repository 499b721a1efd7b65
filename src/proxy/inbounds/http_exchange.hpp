// One request of a forward proxy's client and its answer.
#pragma once

#include <muxpro/proxy/connection.hpp>
#include <muxpro/proxy/http_request.hpp>
#include <muxpro/proxy/link.hpp>

#include <asio/awaitable.hpp>

#include <cstddef>
#include <memory>
#include <vector>

namespace muxpro::proxy {

/// From the head that was read to the end of the connection; `early` has come behind the head. An upgrade to
/// WebSocket that the upstream agrees to becomes a tunnel.
asio::awaitable<void> exchange_http(std::shared_ptr<connection> c, inbound_link link, http_request request,
                                    std::vector<std::byte> early, relay_options limits);

}  // namespace muxpro::proxy
