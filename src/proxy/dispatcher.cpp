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
  auto [in, out] = make_link(executor_, link_capacity(c), client);
  auto live = std::make_unique<live_connection>(std::move(c), counts_, connections_);
  asio::co_spawn(executor_, carry(std::move(live), std::move(out)), [](std::exception_ptr) {});
  return std::move(in);
}

std::unique_ptr<datagram_stream> dispatcher::dispatch_datagrams(context c) {
  auto [in, out] = make_datagram_link(executor_);
  auto live = std::make_unique<live_connection>(std::move(c), counts_, connections_);
  asio::co_spawn(executor_, carry(std::move(live), std::move(out)), [](std::exception_ptr) {});
  return std::move(in);
}

asio::awaitable<void> dispatcher::choose(context& about) const {
  // Held here: it may be replaced while its coroutine waits.
  const auto rules = choose_;
  outbound_choice choice = co_await (*rules)(about);
  about.outbound.tag = std::move(choice.tag);
  if (choice.priority) about.outbound.priority = choice.priority;
}

bool dispatcher::find_carrier(live_connection& c) const {
  std::string& tag = c.about.outbound.tag;
  if (tag.empty()) tag = default_;
  const auto found = outbounds_.find(tag);
  if (found == outbounds_.end()) return false;
  c.chosen(found->second);
  return true;
}

// Whatever need not be waited for is no coroutine.
asio::awaitable<carried> dispatcher::run(live_connection& c, outbound_link link) {
  c.over(link.stream.meter(), link.client_bytes());
  if (c.about.content.sniffing || must_choose(c.about)) return learn_and_go(c, std::move(link));
  return go(c, std::move(link));
}

asio::awaitable<carried> dispatcher::learn_and_go(live_connection& c, outbound_link link) {
  carried result;
  if (c.about.content.sniffing) co_await learn_content(c.about, link, fakes_.get(), result.why);
  if (result.why) co_return result;
  if (must_choose(c.about)) co_await choose(c.about);
  co_return co_await go(c, std::move(link));
}

namespace {

asio::awaitable<carried> refuse(outbound_link link) {
  carried result;
  result.why = end_code::rejected;
  link.target().tell(result.why);
  co_return result;
}

}  // namespace

asio::awaitable<carried> dispatcher::go(live_connection& c, outbound_link link) {
  if (!find_carrier(c)) return refuse(std::move(link));
  return c.carrier->carry(c.about, std::move(link));
}

asio::awaitable<carried> dispatcher::run(live_connection& c, std::unique_ptr<datagram_stream> datagrams) {
  carried result;
  const auto bytes = std::make_shared<datagram_bytes>();
  c.over(bytes);
  datagrams = counted_by(bytes, std::move(datagrams));
  datagrams = co_await learn_content(c.about, std::move(datagrams), fakes_, result.why);
  if (!result.why && must_choose(c.about)) co_await choose(c.about);
  if (!result.why && find_carrier(c)) {
    result = co_await c.carrier->carry_datagrams(c.about, std::move(datagrams));
  } else if (!result.why) {
    result.why = end_code::rejected;
    datagrams->end(end_code::rejected);
  }
  result.up = bytes->received;
  result.down = bytes->sent;
  co_return result;
}

template <class Link>
asio::awaitable<void> dispatcher::carry(std::unique_ptr<live_connection> c, Link link) {
  carried result;
  try {
    result = co_await run(*c, std::move(link));
  } catch (const std::system_error& e) {
    result.why = e.code();
  } catch (...) {
    result.why = end_code::resources;
  }
  c->count();
  if (ended_) ended_(c->about, result, std::chrono::steady_clock::now() - c->begun);
}

void dispatcher::drain() {
  for (const auto& o : outbounds_) o.second->drain();
}

void dispatcher::close() {
  for (const auto& o : outbounds_) o.second->close();
}

}  // namespace muxpro::proxy
