// One request of a forward proxy's client and its answer.
#pragma once

#include "proxy/http/request.hpp"
#include "proxy/inbound/http_input.hpp"

#include <muxpro/proxy/connection.hpp>
#include <muxpro/proxy/context.hpp>
#include <muxpro/proxy/dispatcher.hpp>
#include <muxpro/relay_options.hpp>

#include <asio/awaitable.hpp>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// What the exchanges of one connection share.
struct http_client {
  /// `own_id` is that of the context that the connection came with.
  http_client(std::shared_ptr<connection> from, std::uint32_t own_id, std::vector<std::byte> early,
              relay_options l, http_head_limits h)
      : c(std::move(from)),
        id(own_id),
        input(std::make_shared<http_input>(c, std::move(early))),
        limits(std::move(l)),
        head(h) {}

  const std::shared_ptr<connection> c;
  const std::uint32_t id;
  const std::shared_ptr<http_input> input;
  const relay_options limits;
  const http_head_limits head;
  bool draining = false;  ///< the answer that is written next is the last one
  bool idle = false;      ///< it has not begun its next request

  /// It is served no further than to the end of what it has begun.
  void drain() {
    draining = true;
    if (idle) input->wake();
  }
};

/// Runs one exchange, from the head that was read to the end of the answer. The dispatcher keeps links to
/// targets whose connections go on, for exchanges that a target may take for the same client's. Returns true
/// if the connection waits for another request, false if it has ended. An upgrade that the origin accepts
/// becomes a tunnel.
asio::awaitable<bool> exchange_http(std::shared_ptr<http_client> client, context ctx, dispatcher& to,
                                    http_request request);

}  // namespace muxpro::proxy
