#include "proxy/outbound/mux.hpp"

#include "proxy/inbound/main_connection.hpp"
#include "proxy/net/idle_timer.hpp"
#include "proxy/net/or_error.hpp"
#include "proxy/udp/datagram_drops.hpp"
#include "proxy/udp/relay_datagrams.hpp"
#include "proxy/udp/source_id.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>

#include <memory>
#include <utility>

namespace muxpro::proxy {

asio::awaitable<connection_result> mux_outbound::carry(const context& ctx, client& c) {
  const counted here(*this);
  connection_result result;
  open_request request(ctx.outbound.target, ctx.outbound.priority.value_or(priority_));
  constexpr std::size_t most = 65535;  // that New carries
  if (c.early().size() <= most) request.first_data = c.take_early();
  sub_stream opened;
  if (!pool_.try_open(request, result.why, opened))
    opened = co_await wait_for_stream(c, std::move(request), result.why);
  unfinished_stream stream(std::move(opened));
  // The protocol does not confirm a target. A target that was not reached ends the sub-stream later.
  co_await c.answer(result.why, result.why);
  if (result.why) co_return result;
  result.sub_stream = (*stream).id();
  auto far = std::make_shared<connection_over<sub_stream>>(std::move(*stream));
  stream.done();
  c.hand_over(std::move(far), relay_);
  co_return result;
}

asio::awaitable<sub_stream> mux_outbound::wait_for_stream(client& c, open_request request,
                                                          std::error_code& ec) {
  const auto given_up = std::make_shared<asio::cancellation_signal>();
  c.on_abandoned([given_up](std::error_code) { given_up->emit(asio::cancellation_type::terminal); });
  auto opened =
      pool_.async_open(std::move(request), asio::bind_cancellation_slot(given_up->slot(), or_error(ec)));
  sub_stream stream = co_await std::move(opened);
  c.on_abandoned(nullptr);
  co_return stream;
}

// A server of Mux.Cool takes a GlobalID from a New with data alone.
asio::awaitable<sub_stream> mux_outbound::open_for_datagrams(datagram_stream& from, const context& ctx,
                                                             std::error_code& ec) {
  for (;;) {
    ec.clear();
    open_request request(ctx.outbound.target, ctx.outbound.priority.value_or(priority_));
    request.source = source_id(ctx);
    if (speaks_ == dialect::mux_cool) co_await take_first(from, ctx, request, ec);
    if (ec) co_return sub_stream();
    sub_stream opened = co_await pool_.async_open(std::move(request), or_error(ec));
    if (ec != errc::datagram_too_large) co_return opened;
    drop(drop_reason::not_sent, "outbound " + ctx.outbound.tag);
  }
}

asio::awaitable<void> mux_outbound::take_first(datagram_stream& from, const context& ctx, open_request& to,
                                               std::error_code& ec) {
  const idle_timer quiet(from.get_executor(), relay_.idle, [d = &from] { d->end(end_code::graceful); });
  std::vector<std::byte> data(max_datagram);
  const host_port only(ctx.outbound.target.host, ctx.outbound.target.port);
  for (;;) {
    host_port peer;
    const std::size_t n = co_await from.receive(asio::buffer(data), peer, ec);
    if (ec && ec != asio::error::message_size) co_return;
    const bool wanted = !ec && (ctx.datagrams.addressed || peer == only);
    ec.clear();
    if (!wanted) continue;
    to.target = destination(network::udp, std::move(peer.host), peer.port);
    to.first_data.assign(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(n));
    co_return;
  }
}

// Under version 0.0 a sub-stream has neither a source nor addresses, so it is tied to its target.
asio::awaitable<connection_result> mux_outbound::carry_datagrams(context ctx,
                                                                 std::unique_ptr<datagram_stream> datagrams) {
  const counted here(*this);
  connection_result result;
  sub_stream stream = co_await open_for_datagrams(*datagrams, ctx, result.why);
  if (result.why == asio::error::eof || result.why == asio::error::operation_aborted)
    co_return connection_result();  // the client has sent no more
  if (result.why) {
    datagrams->end(end_code::unreachable);
    co_return result;
  }
  result.sub_stream = stream.id();
  std::optional<host_port> only;
  if (!stream.source() || !ctx.datagrams.addressed)
    only = host_port(ctx.outbound.target.host, ctx.outbound.target.port);
  auto dropped = [drops = drops(), whose = "outbound " + ctx.outbound.tag](drop_reason why, std::uint64_t n) {
    drops->note(why, whose, n);
  };
  auto far = std::make_unique<sub_datagram_stream>(sub_datagram(std::move(stream)), std::move(dropped));
  result.why = co_await relay_datagrams(std::move(datagrams), std::move(far), relay_.idle, std::move(only));
  co_return result;
}

void mux_outbound::drain() {
  pool_.async_drain([](std::error_code) {});
}

}  // namespace muxpro::proxy
