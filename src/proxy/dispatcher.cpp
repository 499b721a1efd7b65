#include <muxpro/proxy/dispatcher.hpp>

#include "content.hpp"

#include <asio/co_spawn.hpp>

#include <chrono>
#include <utility>

namespace muxpro::proxy {

dispatcher::dispatcher(asio::any_io_executor executor) : executor_(std::move(executor)) {}
dispatcher::~dispatcher() = default;

void dispatcher::add(std::string tag, std::shared_ptr<outbound> o) {
  if (outbounds_.empty()) default_ = tag;
  outbounds_.emplace(std::move(tag), std::move(o));
}

inbound_link dispatcher::dispatch(context c, client_side client) {
  auto [in, out] = make_link(executor_, capacity_, client);
  asio::co_spawn(executor_, carry(std::move(c), std::move(out)), [](std::exception_ptr) {});
  return std::move(in);
}

std::unique_ptr<datagram_stream> dispatcher::dispatch_datagrams(context c) {
  auto [in, out] = make_datagram_link(executor_);
  asio::co_spawn(executor_, carry(std::move(c), std::move(out)), [](std::exception_ptr) {});
  return std::move(in);
}

asio::awaitable<std::shared_ptr<outbound>> dispatcher::outbound_for(live_connection& c) const {
  // Held here: it may be replaced while its coroutine waits.
  const auto choose = choose_;
  std::string& tag = c.about.outbound.tag;
  if (tag.empty() && choose) {
    outbound_choice choice = co_await (*choose)(c.about);
    tag = std::move(choice.tag);
    if (choice.priority) c.about.outbound.priority = choice.priority;
  }
  if (tag.empty()) tag = default_;
  const auto found = outbounds_.find(tag);
  if (found == outbounds_.end()) co_return nullptr;
  c.chosen();
  co_return found->second;
}

asio::awaitable<carried> dispatcher::run(live_connection& c, outbound_link link) {
  carried result;
  c.over(link.stream.meter(), link.client_bytes());
  if (c.about.content.sniffing) co_await learn_content(c.about, link, fakes_.get(), result.why);
  if (result.why) co_return result;
  const auto o = co_await outbound_for(c);
  if (o) co_return co_await o->carry(c.about, std::move(link));
  result.why = end_code::rejected;
  link.target().tell(result.why);
  co_return result;
}

asio::awaitable<carried> dispatcher::run(live_connection& c, std::unique_ptr<datagram_stream> datagrams) {
  carried result;
  const auto bytes = std::make_shared<datagram_bytes>();
  c.over(bytes);
  datagrams = counted_by(bytes, std::move(datagrams));
  datagrams = co_await learn_content(c.about, std::move(datagrams), fakes_, result.why);
  // g++ 12 destroys what a conditional expression awaits twice.
  std::shared_ptr<outbound> o;
  if (!result.why) o = co_await outbound_for(c);
  if (o) {
    result = co_await o->carry_datagrams(c.about, std::move(datagrams));
  } else if (!result.why) {
    result.why = end_code::rejected;
    datagrams->end(end_code::rejected);
  }
  result.up = bytes->received;
  result.down = bytes->sent;
  co_return result;
}

template <class Link>
asio::awaitable<void> dispatcher::carry(context about, Link link) {
  carried result;
  live_connection c(std::move(about), counts_);
  connections_.push_back(c);
  ++live_;
  try {
    result = co_await run(c, std::move(link));
  } catch (const std::system_error& e) {
    result.why = e.code();
  } catch (...) {
    result.why = end_code::resources;
  }
  --live_;
  c.count();
  if (ended_) ended_(c.about, result, std::chrono::steady_clock::now() - c.begun);
}

void dispatcher::drain() {
  for (const auto& o : outbounds_) o.second->drain();
}

void dispatcher::close() {
  for (const auto& o : outbounds_) o.second->close();
}

}  // namespace muxpro::proxy
