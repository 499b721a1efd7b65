// A connection as an Asio stream, for layers that are written for streams.
#pragma once

#include "proxy/transport/coroutine_stream.hpp"

#include <muxpro/proxy/connection.hpp>

namespace muxpro::proxy {

using erased_stream = coroutine_stream<connection>;

}  // namespace muxpro::proxy
