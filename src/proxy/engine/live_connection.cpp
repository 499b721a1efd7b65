#include "proxy/engine/live_connection.hpp"

#include <utility>

namespace muxpro::proxy {

live_connection::live_connection(context&& c, std::shared_ptr<stats> counts, std::shared_ptr<list> all)
    : ctx(std::move(c)), counts_(std::move(counts)), all_(std::move(all)) {
  // Without memory for one of them no counter is changed, because no destructor would take it back.
  list mine{this};
  if (counts_ && !ctx.inbound.user.name.empty()) counts_->of(stats::kind::user, ctx.inbound.user.name);
  if (!ctx.inbound.tag.empty()) join(stats::kind::inbound, ctx.inbound.tag);
  if (!ctx.inbound.user.name.empty()) join(stats::kind::user, ctx.inbound.user.name);
  place_ = mine.begin();
  all_->splice(all_->end(), mine);
}

live_connection::~live_connection() {
  all_->erase(place_);
  count();
  for (stats::counters* c : counters_)
    if (c) --c->live;
}

void live_connection::chosen(std::shared_ptr<outbound> o) {
  carrier = std::move(o);
  join(stats::kind::outbound, ctx.outbound.tag);
}

void live_connection::join(stats::kind what, const std::string& name) {
  if (!counts_) return;
  stats::counters& c = counts_->of(what, name);
  counters_[static_cast<std::size_t>(what)] = &c;
  ++c.connections;
  ++c.live;
  c.up += counted_up_;
  c.down += counted_down_;
}

void live_connection::count() {
  const std::uint64_t more_up = up() - std::exchange(counted_up_, up());
  const std::uint64_t more_down = down() - std::exchange(counted_down_, down());
  for (stats::counters* c : counters_) {
    if (!c) continue;
    c->up += more_up;
    c->down += more_down;
  }
}

}  // namespace muxpro::proxy
