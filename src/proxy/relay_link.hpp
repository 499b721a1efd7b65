// What an outbound does when its target is there and the inbound has been told.
#pragma once

#include "or_error.hpp"

#include <muxpro/proxy/connection.hpp>
#include <muxpro/proxy/link.hpp>
#include <muxpro/proxy/outbound.hpp>
#include <muxpro/relay.hpp>

#include <asio/write.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace muxpro::proxy {

/// The limits of both sides hold.
inline relay_options tighter(const relay_options& a, const relay_options& b) {
  relay_options o = b;
  o.idle = std::min(a.idle, b.idle);
  o.uplink_only = std::min(a.uplink_only, b.uplink_only);
  o.downlink_only = std::min(a.downlink_only, b.downlink_only);
  return o;
}

inline void note_end(outbound_link& link, const relay_result& bytes, carried& how) {
  how.up += bytes.a_to_b;
  how.down += bytes.b_to_a;
  link.target().end(how.why);
}

template <class Far>
asio::awaitable<void> relay_client(outbound_link& link, Far& far, relay_options limits, carried& how) {
  relay_result bytes;
  co_await link.async_wait_for_client(or_error(how.why));
  answered_client client = link.target().take_client();
  std::size_t early = 0;
  if (!how.why && !client.early.empty())
    early = co_await asio::async_write(far, asio::buffer(client.early), or_error(how.why));
  std::vector<std::byte>().swap(client.early);  // the relay may take days
  relay_options both = tighter(limits, client.limits);
  both.progress = link.client_bytes();
  both.progress->a_to_b += early;
  if (how.why)
    cut(far);
  else
    bytes = co_await client.itself->relay(far, both, how.why);
  bytes.a_to_b += early;
  note_end(link, bytes, how);
}

template <class Far>
asio::awaitable<void> relay_pipe(outbound_link& link, Far& far, relay_options limits, carried& how) {
  const relay_result bytes = co_await async_relay(link.stream, far, limits, or_error(how.why));
  note_end(link, bytes, how);
}

/// Between the client and `far`, to the end of both; adds up what went. The client's connection itself if the
/// outbound wanted it, else the link's pipe.
template <class Far>
asio::awaitable<void> relay_link(outbound_link& link, Far& far, const relay_options& limits, carried& how) {
  return link.target().client() == client_side::wanted ? relay_client(link, far, limits, how)
                                                       : relay_pipe(link, far, limits, how);
}

}  // namespace muxpro::proxy
