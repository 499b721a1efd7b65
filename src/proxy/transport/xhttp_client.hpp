// The connection of a client of XHTTP whose upload and download are requests of their own. Ring 4.
#pragma once

#include "proxy/transport/xhttp_posts.hpp"

#include <muxpro/proxy/connection.hpp>

#include <memory>

namespace muxpro::proxy {

/// The upload is one request, `up`.
std::shared_ptr<connection> join_stream_up(std::shared_ptr<connection> down, std::shared_ptr<connection> up);
/// The upload is many requests. `most` limits the bytes of one.
std::shared_ptr<connection> join_packet_up(std::shared_ptr<connection> down,
                                           std::shared_ptr<http_requests> by, xhttp_posts::asker ask,
                                           std::size_t most, number_range pause_ms);

}  // namespace muxpro::proxy
