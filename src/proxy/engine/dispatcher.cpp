#include <muxpro/proxy/dispatcher.hpp>
#include <muxpro/proxy/stream_socket.hpp>

#include "proxy/base/exception_code.hpp"
#include "proxy/engine/carried_connection.hpp"
#include "proxy/engine/kept_links.hpp"
#include "proxy/engine/live_connection.hpp"
#include "proxy/engine/sniffing.hpp"
#include "proxy/engine/stats.hpp"
#include "proxy/fake_dns/fake_dns.hpp"
#include "proxy/sniff/sniff_policy.hpp"
#include "proxy/udp/datagram_drops.hpp"

#include <fmt/format.h>
#include <asio/co_spawn.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace muxpro::proxy {

dispatcher::dispatcher(asio::any_io_executor executor)
    : executor_(std::move(executor)),
      drops_(std::make_shared<datagram_drops>()),
      counts_(std::make_shared<stats>()),
      kept_(std::make_shared<kept_links>(executor_)) {}
dispatcher::~dispatcher() { kept_->close(); }

void dispatcher::add(std::string tag, std::shared_ptr<outbound> o) {
  if (!outbounds_.contains(default_)) default_ = tag;
  o->count_drops_in(drops_);
  outbounds_.emplace(std::move(tag), std::move(o));
}

void dispatcher::remove(const std::string& tag) {
  const auto found = outbounds_.find(tag);
  if (found == outbounds_.end()) return;
  found->second->drain();
  outbounds_.erase(found);
}

target_link dispatcher::dispatch(context ctx) {
  auto [near, far] = make_link(executor_, link_capacity(ctx));
  asio::co_spawn(executor_, carry_link(std::move(ctx), std::move(far)), [](std::exception_ptr) {});
  return std::move(near);
}

std::unique_ptr<datagram_stream> dispatcher::dispatch_datagrams(context ctx) {
  auto dropped = [drops = drops_, whose = shown_source(ctx.inbound.source)](
                     drop_reason why, std::uint64_t n) { drops->note(why, whose, n); };
  auto [in, out] = make_datagram_link(executor_, {}, std::move(dropped));
  asio::co_spawn(executor_, dispatch_datagrams(std::move(ctx), std::move(out)), [](std::exception_ptr) {});
  return std::move(in);
}

datagram_support dispatcher::support_for_datagrams(const context& ctx) const {
  std::vector<std::string> tags{ctx.outbound.tag};
  if (must_choose(ctx) && possible_) tags = possible_(ctx);
  const bool any = must_choose(ctx) && !possible_;
  datagram_support best = datagram_support::none;
  for (const auto& [tag, o] : outbounds_) {
    const bool meant = std::any_of(tags.begin(), tags.end(), [&, &name = tag](const std::string& t) {
      return t.empty() ? name == default_ : name == t;
    });
    if (any || meant) best = std::max(best, o->support_for_datagrams());
  }
  return best;
}

asio::awaitable<void> dispatcher::choose(context& ctx) const {
  // Held here, because it may be replaced while its coroutine waits.
  const auto rules = choose_;
  outbound_choice choice = co_await (*rules)(ctx);
  ctx.outbound.tag = std::move(choice.tag);
  if (choice.priority) ctx.outbound.priority = choice.priority;
}

bool dispatcher::find_carrier(live_connection& live) const {
  std::string& tag = live.ctx.outbound.tag;
  if (tag.empty()) tag = default_;
  const auto found = outbounds_.find(tag);
  if (found == outbounds_.end()) return false;
  live.chosen(found->second);
  return true;
}

std::error_code dispatcher::obstacle(live_connection& live) const {
  if (!find_carrier(live)) return errc::target_rejected;
  return obstacle(live.ctx.outbound.target.host);
}

std::error_code dispatcher::obstacle(const address& host) const {
  if (fakes_ && !host.is_domain() && fakes_->leads_nowhere(host)) return fake_dns_errc::unknown_address;
  return {};
}

asio::awaitable<connection_result> dispatcher::run(live_connection& live, client& c) {
  connection_result result;
  context& ctx = live.ctx;
  try {
    if (ctx.content.sniffing) co_await sniff_connection(ctx, c, fakes_.get(), by_content_, result.why);
    if (!result.why && must_choose(ctx)) co_await choose(ctx);
    if (!result.why) result.why = obstacle(live);
    if (!result.why) announce(ctx);
    if (!result.why) result = co_await live.carrier->carry(ctx, c);
  } catch (...) {
    result.why = code_of(std::current_exception());
  }
  co_return result;
}

asio::awaitable<connection_result> dispatcher::run(live_connection& live,
                                                   std::unique_ptr<datagram_stream> datagrams) {
  connection_result result;
  context& ctx = live.ctx;
  try {
    datagrams = co_await sniff_association(ctx, std::move(datagrams), fakes_, by_content_, result.why);
    if (!result.why && must_choose(ctx)) co_await choose(ctx);
    const std::error_code obstacle = result.why ? result.why : this->obstacle(live);
    if (!obstacle) announce(ctx);
    if (!obstacle)
      result = co_await live.carrier->carry_datagrams(ctx, std::move(datagrams));
    else if (!result.why)
      datagrams->end(end_code::rejected);
    if (obstacle) result.why = obstacle;
  } catch (...) {
    result.why = code_of(std::current_exception());
  }
  co_return result;
}

asio::awaitable<void> dispatcher::dispatch(context&& ctx, std::unique_ptr<client> c) {
  const auto all = std::make_shared<carried_connection>(std::move(ctx), std::move(c), *this, connections_);
  all->result = co_await run(all->live(), *all->c);
  if (carried_connection::start_relay(all)) co_return;
  all->end_live();
  co_await all->c->end(all->result.why);
}

asio::awaitable<void> dispatcher::carry_link(context ctx, std::unique_ptr<link_client> c) {
  co_await dispatch(std::move(ctx), std::move(c));
}

asio::awaitable<void> dispatcher::dispatch_datagrams(context ctx,
                                                     std::unique_ptr<datagram_stream> datagrams) {
  const auto bytes = std::make_shared<datagram_bytes>();
  live_connection live(std::move(ctx), counts_, connections_);
  live.counted_by(bytes);
  datagrams = counted_by(bytes, std::move(datagrams));
  const connection_result result = co_await run(live, std::move(datagrams));
  end(live, result);
}

asio::awaitable<void> dispatcher::route(context& ctx) const {
  if (ctx.content.sniffing) apply_http_content(ctx, fakes_.get());
  if (must_choose(ctx)) co_await choose(ctx);
  if (ctx.outbound.tag.empty()) ctx.outbound.tag = default_;
}

target_link dispatcher::open(context ctx) {
  auto [near, far] = make_link(executor_, link_capacity(ctx));
  asio::co_spawn(executor_, carry_uncounted(std::move(ctx), std::move(far)), [](std::exception_ptr) {});
  return std::move(near);
}

asio::awaitable<void> dispatcher::carry_uncounted(context ctx, std::unique_ptr<link_client> c) {
  const auto found = outbounds_.find(ctx.outbound.tag);
  connection_result result;
  result.why = found == outbounds_.end() ? errc::target_rejected : obstacle(ctx.outbound.target.host);
  if (!result.why) {
    const std::shared_ptr<outbound> carrier = found->second;
    result = co_await carrier->carry_to_end(ctx, *c);
  }
  co_await c->end(result.why);
}

std::unique_ptr<live_connection> dispatcher::count(context ctx, std::shared_ptr<const relay_bytes> bytes) {
  auto live = std::make_unique<live_connection>(std::move(ctx), counts_, connections_);
  live->counted_by(std::move(bytes));
  if (find_carrier(*live)) announce(live->ctx);
  return live;
}

void dispatcher::end(live_connection& live, connection_result result) const {
  live.count();
  result.up = live.up();
  result.down = live.down();
  if (result.advice)
    note(log_level::warning, live.ctx.inbound.source,
         fmt::format("{} was refused by outbound {}: {}", live.ctx.outbound.target, live.ctx.outbound.tag,
                     result.advice));
  if (ended_) ended_(live.ctx, result, std::chrono::steady_clock::now() - live.begun);
}

void dispatcher::drop_kept() { kept_->close(); }

void dispatcher::drain() {
  for (const auto& o : outbounds_) o.second->drain();
}

void dispatcher::close() {
  for (const auto& o : outbounds_) o.second->close();
}

}  // namespace muxpro::proxy
