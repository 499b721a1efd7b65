#include "proxy/engine/sniffing.hpp"

#include "proxy/base/host_name.hpp"
#include "proxy/net/read_deadline.hpp"
#include "proxy/sniff/sniff_policy.hpp"
#include "proxy/sniff/sniffer.hpp"
#include "proxy/udp/renamed_datagrams.hpp"

#include <muxpro/frame.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/use_awaitable.hpp>

#include <algorithm>
#include <deque>
#include <memory>
#include <utility>

namespace muxpro::proxy {

namespace {

// Reads until a sniffer is sure, `most` is over, or the client sends no more.
asio::awaitable<sniff_result> sniff(client& c, duration most, std::error_code& ec) {
  sniff_result result = sniff_stream(c.early().first(std::min(c.early().size(), sniff_limit)));
  if (result.status != sniff_status::need_more) co_return result;
  co_await c.answer({}, ec);
  read_deadline limit(c.get_executor(), most);
  while (!ec && result.status == sniff_status::need_more && !limit.expired()) {
    co_await c.read_early(sniff_limit, limit.slot(), ec);
    if (!ec) result = sniff_stream(c.early());
  }
  if (limit.expired() || ec == asio::error::eof) ec.clear();
  co_return result;
}

asio::awaitable<held_datagram> receive(datagram_stream& from, asio::mutable_buffer memory,
                                       read_deadline& limit, std::error_code& ec) {
  host_port peer;
  const std::size_t n =
      co_await asio::co_spawn(from.get_executor(), from.receive(memory, peer, ec),
                              asio::bind_cancellation_slot(limit.slot(), asio::use_awaitable));
  const auto* data = static_cast<const std::byte*>(memory.data());
  co_return held_datagram{std::move(peer), {data, data + n}};
}

// The same for datagrams to `asked`. Those to others are held meanwhile.
asio::awaitable<sniff_result> sniff(datagram_stream& from, const host_port& asked, duration most,
                                    std::deque<held_datagram>& first, std::error_code& ec) {
  read_deadline limit(from.get_executor(), most);
  const auto memory = std::make_unique_for_overwrite<std::byte[]>(max_datagram);
  std::vector<const_bytes> looked_at;
  std::size_t held = 0;
  sniff_result result;
  do {
    held_datagram d = co_await receive(from, asio::buffer(memory.get(), max_datagram), limit, ec);
    if (ec) break;
    first.push_back(std::move(d));
    held += first.back().data.size();
    if (!(first.back().peer == asked)) continue;
    looked_at.emplace_back(first.back().data);
    result = sniff_datagrams(looked_at);
  } while (result.status == sniff_status::need_more && first.size() < max_sniffed_datagrams &&
           held < sniff_limit && !limit.expired());
  if (limit.expired() || ec == asio::error::eof) ec.clear();
  co_return result;
}

fake_dns::clue clue_of(const destination& d, fake_dns* fakes) {
  return fakes && !d.host.is_domain() ? fakes->find(d.host) : fake_dns::clue();
}

// What was found becomes a part of the context. Returns what is dialled instead.
std::optional<destination> apply(context& ctx, const fake_dns::clue& clue, sniff_result found) {
  const destination& target = ctx.outbound.target;
  const sniff_decision d = ctx.content.sniffing->decide(target, clue, found);
  if (!d.protocol.empty()) ctx.content.protocol = d.protocol;
  if (!found.attrs.empty()) ctx.content.attributes = std::move(found.attrs);
  if (d.route_target) ctx.outbound.route_target = d.route_target;
  if (d.target) ctx.outbound.target = *d.target;
  return d.target;
}

}  // namespace

asio::awaitable<void> sniff_connection(context& ctx, client& c, fake_dns* fakes, bool for_rules,
                                       std::error_code& ec) {
  const sniff_policy& policy = *ctx.content.sniffing;
  const fake_dns::clue clue = clue_of(ctx.outbound.target, fakes);
  sniff_result found;
  if (policy.reads_content(ctx.outbound.target, for_rules)) found = co_await sniff(c, policy.timeout(), ec);
  if (!ec) apply(ctx, clue, std::move(found));
}

// The Host field is the target's, so there is a name to find only if the target has one.
void apply_http_content(context& ctx, fake_dns* fakes) {
  const destination& target = ctx.outbound.target;
  sniff_result found;
  constexpr bool for_rules = true;  // the content is already there, so it does not wait
  if (ctx.content.sniffing->reads_content(target, for_rules)) {
    found.status = sniff_status::found;
    found.protocol = "http1";
    if (target.host.is_domain()) found.domain = canonical_host(target.host.domain()).value_or("");
  }
  apply(ctx, clue_of(target, fakes), std::move(found));
  ctx.content.sniffing.reset();
}

asio::awaitable<std::unique_ptr<datagram_stream>> sniff_association(
    context& ctx, std::unique_ptr<datagram_stream> datagrams, std::shared_ptr<fake_dns> fakes, bool for_rules,
    std::error_code& ec) {
  if (!ctx.content.sniffing) co_return datagrams;
  const auto policy = ctx.content.sniffing;
  const destination asked = ctx.outbound.target;
  std::deque<held_datagram> first;
  sniff_result found;
  if (policy->reads_content(asked, for_rules)) {
    const host_port where(asked.host, asked.port);
    found = co_await sniff(*datagrams, where, policy->timeout(), first, ec);
    if (ec) co_return datagrams;
  }
  const auto replaced = apply(ctx, clue_of(asked, fakes.get()), std::move(found));
  auto rename = [=, fakes = std::move(fakes)](const host_port& peer) -> std::optional<host_port> {
    const destination where(network::udp, peer.host, peer.port);
    const auto other =
        where == asked ? replaced : policy->decide(where, clue_of(where, fakes.get()), {}).target;
    return other ? std::optional(host_port(other->host, other->port)) : std::nullopt;
  };
  co_return renamed(std::move(datagrams), std::move(rename), std::move(first));
}

}  // namespace muxpro::proxy
