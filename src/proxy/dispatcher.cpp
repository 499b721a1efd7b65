#include <muxpro/proxy/dispatcher.hpp>

#include "content.hpp"

#include <asio/co_spawn.hpp>

#include <chrono>
#include <utility>

namespace muxpro::proxy {

void dispatcher::add(std::string tag, std::shared_ptr<outbound> o) {
  if (outbounds_.empty()) default_ = tag;
  outbounds_.emplace(std::move(tag), std::move(o));
}

inbound_link dispatcher::dispatch(context c) {
  auto [in, out] = make_link(executor_, capacity_);
  asio::co_spawn(executor_, carry(std::move(c), std::move(out)), [](std::exception_ptr) {});
  return std::move(in);
}

std::unique_ptr<datagram_stream> dispatcher::dispatch_datagrams(context c) {
  auto [in, out] = make_datagram_link(executor_);
  asio::co_spawn(executor_, carry(std::move(c), std::move(out)), [](std::exception_ptr) {});
  return std::move(in);
}

asio::awaitable<std::shared_ptr<outbound>> dispatcher::outbound_for(context& c) const {
  // Held here: it may be replaced while its coroutine waits.
  const auto choose = choose_;
  if (c.outbound.tag.empty() && choose) c.outbound.tag = co_await (*choose)(c);
  if (c.outbound.tag.empty()) c.outbound.tag = default_;
  const auto found = outbounds_.find(c.outbound.tag);
  co_return found == outbounds_.end() ? nullptr : found->second;
}

asio::awaitable<carried> dispatcher::run(context& c, outbound_link link) {
  carried result;
  co_await learn_content(c, link, fakes_.get(), result.why);
  if (result.why) co_return result;
  const auto o = co_await outbound_for(c);
  if (o) co_return co_await o->carry(c, std::move(link));
  result.why = end_code::rejected;
  link.target().tell(result.why);
  co_return result;
}

asio::awaitable<carried> dispatcher::run(context& c, std::unique_ptr<datagram_stream> datagrams) {
  carried result;
  const auto o = co_await outbound_for(c);
  if (!o) {
    result.why = end_code::rejected;
    datagrams->end(end_code::rejected);
    co_return result;
  }
  const auto bytes = std::make_shared<datagram_bytes>();
  datagrams = counted_by(bytes, std::move(datagrams));
  result = co_await o->carry_datagrams(c, std::move(datagrams));
  result.up = bytes->received;
  result.down = bytes->sent;
  co_return result;
}

template <class Link>
asio::awaitable<void> dispatcher::carry(context c, Link link) {
  const auto begun = std::chrono::steady_clock::now();
  carried result;
  ++live_;
  try {
    result = co_await run(c, std::move(link));
  } catch (const std::system_error& e) {
    result.why = e.code();
  } catch (const std::exception&) {
    result.why = end_code::resources;
  }
  --live_;
  if (ended_) ended_(c, result, std::chrono::steady_clock::now() - begun);
}

void dispatcher::drain() {
  for (const auto& o : outbounds_) o.second->drain();
}

void dispatcher::close() {
  for (const auto& o : outbounds_) o.second->close();
}

}  // namespace muxpro::proxy
