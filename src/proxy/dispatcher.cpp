#include <muxpro/proxy/dispatcher.hpp>

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

std::shared_ptr<outbound> dispatcher::outbound_for(context& c) const {
  if (c.outbound.tag.empty() && choose_) c.outbound.tag = choose_(c);
  if (c.outbound.tag.empty()) c.outbound.tag = default_;
  const auto found = outbounds_.find(c.outbound.tag);
  return found == outbounds_.end() ? nullptr : found->second;
}

asio::awaitable<void> dispatcher::carry(context c, outbound_link link) {
  const auto begun = std::chrono::steady_clock::now();
  carried result;
  const auto o = outbound_for(c);
  ++live_;
  if (o) {
    result = co_await o->carry(c, std::move(link));
  } else {
    result.why = end_code::rejected;
    link.target().tell(result.why);
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
