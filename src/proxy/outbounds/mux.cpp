#include <muxpro/proxy/outbounds/mux.hpp>

#include "../or_error.hpp"
#include "../relay_datagrams.hpp"
#include "../relay_link.hpp"
#include "../source_id.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>

#include <memory>
#include <utility>

namespace muxpro::proxy {

asio::awaitable<carried> mux_outbound::carry(context c, outbound_link link) {
  const counted here(*this);
  carried result;
  open_request request(c.outbound.target, c.outbound.priority.value_or(priority_));
  result.up = link.first_data.size();
  request.first_data = std::move(link.first_data);
  sub_stream stream;
  if (!pool_.try_open(request, result.why, stream))
    stream = co_await wait_for_stream(link.target(), std::move(request), result.why);
  link.target().want_client();
  // The protocol does not confirm a target: that it is not there shows as an End.
  link.target().tell(result.why);
  if (result.why) co_return result;
  result.sub_stream = stream.id();
  co_await relay_link(link, stream, relay_, result);
  co_return result;
}

asio::awaitable<sub_stream> mux_outbound::wait_for_stream(outcome& target, open_request request,
                                                          std::error_code& ec) {
  const auto given_up = std::make_shared<asio::cancellation_signal>();
  target.on_abandoned([given_up] { given_up->emit(asio::cancellation_type::terminal); });
  auto opened =
      pool_.async_open(std::move(request), asio::bind_cancellation_slot(given_up->slot(), or_error(ec)));
  sub_stream stream = co_await std::move(opened);
  target.on_abandoned(nullptr);
  co_return stream;
}

// Under version 0.0 a sub-stream has neither a source nor addresses: it is tied to its target.
asio::awaitable<carried> mux_outbound::carry_datagrams(context c,
                                                       std::unique_ptr<datagram_stream> datagrams) {
  const counted here(*this);
  carried result;
  open_request request(c.outbound.target, c.outbound.priority.value_or(priority_));
  request.source = source_id(c);
  sub_stream stream = co_await pool_.async_open(std::move(request), or_error(result.why));
  if (result.why) {
    datagrams->end(end_code::unreachable);
    co_return result;
  }
  result.sub_stream = stream.id();
  std::optional<host_port> only;
  if (!stream.source() || !c.datagrams.addressed)
    only = host_port(c.outbound.target.host, c.outbound.target.port);
  auto far = std::make_unique<sub_datagram_stream>(sub_datagram(std::move(stream)));
  result.why = co_await relay_datagrams(std::move(datagrams), std::move(far), relay_.idle, std::move(only));
  co_return result;
}

void mux_outbound::drain() {
  pool_.async_drain([](std::error_code) {});
}

}  // namespace muxpro::proxy
