#include "proxy/outbound/parted.hpp"

#include "proxy/udp/relay_datagrams.hpp"

#include <algorithm>
#include <chrono>
#include <string>

namespace muxpro::proxy {

namespace {

constexpr std::uint16_t quic_port = 443;
/// A client that gets no answer asks again within this time (after 999 ms at first, RFC 9002 section 6.2.2).
constexpr auto refusal_ends_after = std::chrono::seconds(2);

}  // namespace

parted_outbound::parted_outbound(ways w) : ways_(std::move(w)) {
  for (const auto& one : {ways_.streams, ways_.datagrams, ways_.quic})
    if (one && std::find(all_.begin(), all_.end(), one) == all_.end()) all_.push_back(one);
}

asio::awaitable<connection_result> parted_outbound::carry(const context& ctx, client& c) {
  const counted here(*this);
  co_return co_await ways_.streams->carry(ctx, c);
}

asio::awaitable<connection_result> parted_outbound::carry_datagrams(
    context ctx, std::unique_ptr<datagram_stream> datagrams) {
  const counted here(*this);
  const auto& way = ctx.outbound.target.port == quic_port ? ways_.quic : ways_.datagrams;
  if (way) co_return co_await way->carry_datagrams(std::move(ctx), std::move(datagrams));
  auto dropped = [this, whose = "outbound " + ctx.outbound.tag] { drop(drop_reason::not_allowed, whose); };
  co_await reject_datagrams(std::move(datagrams), refusal_ends_after, std::move(dropped));
  connection_result refused;
  refused.why = errc::target_rejected;
  co_return refused;
}

void parted_outbound::count_drops_in(std::shared_ptr<datagram_drops> d) {
  for (const auto& one : all_) one->count_drops_in(d);
  outbound::count_drops_in(std::move(d));
}

std::vector<session_stats> parted_outbound::main_connections() const {
  std::vector<session_stats> all;
  for (const auto& one : all_) {
    const auto its = one->main_connections();
    all.insert(all.end(), its.begin(), its.end());
  }
  return all;
}

void parted_outbound::drain() {
  for (const auto& one : all_) one->drain();
}

void parted_outbound::close() {
  for (const auto& one : all_) one->close();
}

}  // namespace muxpro::proxy
