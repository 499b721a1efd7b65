#include "proxy/dial/next_outbound.hpp"

#include "proxy/net/or_error.hpp"

#include <muxpro/proxy/dispatcher.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/execution.hpp>
#include <asio/this_coro.hpp>

#include <utility>

namespace muxpro::proxy {

const asio::execution_context* dispatchers::key(const asio::any_io_executor& executor) {
  return &asio::query(executor, asio::execution::context);
}

void dispatchers::add(dispatcher& d) { all_[key(d.get_executor())] = &d; }

context next_outbound::to_target(destination target) const {
  context ctx;
  ctx.id = context::new_id();
  ctx.outbound.tag = tag_;
  ctx.outbound.original = ctx.outbound.target = std::move(target);
  return ctx;
}

asio::awaitable<std::shared_ptr<connection>> next_outbound::connect(destination target, std::error_code& ec,
                                                                    asio::cancellation_slot stop) const {
  dispatcher& thread = threads_->of(co_await asio::this_coro::executor);
  target_link link = thread.dispatch(to_target(std::move(target)));
  if (stop.is_connected())
    co_await link.async_wait_for_target(asio::bind_cancellation_slot(stop, or_error(ec)));
  else
    co_await link.async_wait_for_target(or_error(ec));
  if (ec) co_return nullptr;
  std::shared_ptr<connection> c = make_connection(std::move(link.stream));
  co_return c;
}

asio::awaitable<std::unique_ptr<datagram_stream>> next_outbound::exchange(host_port target) const {
  dispatcher& thread = threads_->of(co_await asio::this_coro::executor);
  context ctx = to_target(destination(network::udp, std::move(target.host), target.port));
  ctx.datagrams.addressed = false;
  co_return thread.dispatch_datagrams(std::move(ctx));
}

// The client is counted where it came in.
asio::awaitable<void> next_outbound::carry_datagrams(context ctx,
                                                     std::unique_ptr<datagram_stream> datagrams) const {
  dispatcher& thread = threads_->of(co_await asio::this_coro::executor);
  context own = to_target(ctx.outbound.target);
  own.datagrams = ctx.datagrams;
  own.inbound.source = ctx.inbound.source;
  own.inbound.source_port = ctx.inbound.source_port;
  auto carried = thread.dispatch_datagrams(std::move(own), std::move(datagrams));
  co_await std::move(carried);
}

}  // namespace muxpro::proxy
