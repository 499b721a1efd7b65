#include "proxy/outbound/split_outbound.hpp"

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

split_outbound::split_outbound(choices w) : choices_(std::move(w)) {
  for (const auto& one : {choices_.streams, choices_.datagrams, choices_.quic})
    if (one && std::find(all_.begin(), all_.end(), one) == all_.end()) all_.push_back(one);
}

asio::awaitable<connection_result> split_outbound::carry(const context& ctx, client& c) {
  const counted here(*this);
  co_return co_await choices_.streams->carry(ctx, c);
}

asio::awaitable<connection_result> split_outbound::carry_datagrams(
    context ctx, std::unique_ptr<datagram_stream> datagrams) {
  const counted here(*this);
  const auto& chosen = ctx.outbound.target.port == quic_port ? choices_.quic : choices_.datagrams;
  if (chosen) co_return co_await chosen->carry_datagrams(std::move(ctx), std::move(datagrams));
  auto dropped = [this, whose = "outbound " + ctx.outbound.tag] { drop(drop_reason::not_allowed, whose); };
  co_await reject_datagrams(std::move(datagrams), refusal_ends_after, std::move(dropped));
  connection_result refused;
  refused.why = errc::target_rejected;
  co_return refused;
}

void split_outbound::count_drops_in(std::shared_ptr<datagram_drops> d) {
  for (const auto& one : all_) one->count_drops_in(d);
  outbound::count_drops_in(std::move(d));
}

std::vector<session_stats> split_outbound::main_connections() const {
  std::vector<session_stats> all;
  for (const auto& one : all_) {
    const auto its = one->main_connections();
    all.insert(all.end(), its.begin(), its.end());
  }
  return all;
}

void split_outbound::drain() {
  for (const auto& one : all_) one->drain();
}

void split_outbound::close() {
  for (const auto& one : all_) one->close();
}

}  // namespace muxpro::proxy
