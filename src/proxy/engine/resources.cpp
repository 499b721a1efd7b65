#include "proxy/engine/resources.hpp"

#include "proxy/net/address_watch.hpp"
#include "proxy/net/local_addresses.hpp"
#include "proxy/policy/own_dials.hpp"

#include <asio/co_spawn.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>

namespace muxpro::proxy {

namespace {

bool all_local(const config& c) {
  return std::none_of(c.inbounds.begin(), c.inbounds.end(),
                      [](const auto& i) { return reaches_others(i.at); });
}

/// What makes datagrams of two outbounds go different ways.
std::string way_of(const socket_options& o) {
  return fmt::format("{} {} {}", o.mark, o.interface, o.source ? o.source->to_string() : "");
}

}  // namespace

class resources::of_outbound final : public outbound_resources {
 public:
  of_outbound(resources& all, const outbound_config& o) : all_(all), config_(o) {}

  std::shared_ptr<transport_dialer> dialer() override {
    auto& known = all_.dialers_[config_.tag];
    if (!known)
      known = std::make_shared<transport_dialer>(config_.plan.server.value(),
                                                 all_.make_transport(config_.stream, config_.tag));
    return known;
  }
  const relay_options& relay() const override { return all_.config_.outbound_policy.relay; }
  const std::optional<mux_options>& mux() const override { return config_.mux; }
  bool local_only() const override { return all_.local_only_; }
  const socket_options& socket() const override { return config_.stream.socket; }
  resolver& names() override { return all_.names; }
  const dial_policy& policy(bool allow_private) const override {
    return allow_private ? all_.open_ : all_.careful_;
  }
  udp_nat& nat(bool allow_private, const nat_limits& limits, const dial_options& dial) override {
    const nat_key key(allow_private, dial.family, limits.refused_ports, limits.user_datagrams.burst,
                      limits.idle, limits.resume, way_of(dial.socket));
    return all_.nats_.try_emplace(key, limits, dial, all_.names, policy(allow_private), all_.drops_)
        .first->second;
  }

 private:
  resources& all_;
  const outbound_config& config_;
};

resources::resources(const config& c, std::shared_ptr<datagram_drops> drops)
    : config_(c),
      local_only_(all_local(c)),
      drops_(std::move(drops)),
      own_(std::make_shared<own_addresses>(c.own_addresses)) {
  own_->set(local_addresses());
  open_.allow_private(true);
  for (dial_policy* p : {&open_, &careful_}) p->remember_dials(dials_);
  if (c.names) names.use(c.names);
  for (const auto& [name, addresses] : c.hosts) names.pin(name, addresses);
  for (dial_policy* p : {&open_, &careful_})
    for (const std::string& name : c.blocked_names) p->block(name);
}

resources::~resources() = default;

transport_use resources::make_transport(const stream_config& s, const std::string& tag) {
  transport_use how;
  how.socket = s.socket;
  how.proxies = s.proxies;
  try {
    const auto made = [](const transport_plan& p) { return p.make ? p.make() : nullptr; };
    how.over = stacked(made(s.security), made(s.carrier));
  } catch (const std::exception& e) {
    throw std::runtime_error(fmt::format("{}: {}", tag, e.what()));
  }
  if (how.over) transports_.emplace_back(tag, how.over);
  return how;
}

outbound_factory resources::make_outbound(const outbound_config& o) {
  if (!o.plan.make) throw std::logic_error("an outbound without a protocol");
  return o.plan.make(of_outbounds_.emplace_back(*this, o));
}

void resources::watch_addresses(asio::io_context& io) {
  asio::co_spawn(io, proxy::watch_addresses(own_), [](std::exception_ptr) {});
}

bool resources::has_dialled(const context::inbound_part& accepted) const {
  const asio::ip::tcp::endpoint source(accepted.source, accepted.source_port);
  const asio::ip::tcp::endpoint here(accepted.gateway, accepted.gateway_port);
  return dials_->has_dialled(source, here, own_->contains(accepted.source), std::chrono::steady_clock::now());
}

void resources::add_listener(const asio::ip::tcp::endpoint& at) {
  for (dial_policy* p : {&open_, &careful_}) p->own_listener(at);
}

void resources::sweep(asio::io_context& io) {
  for (auto& [key, nat] : nats_) asio::co_spawn(io, nat.sweep(), [](std::exception_ptr) {});
}

std::vector<std::string> resources::reload_files() const {
  std::vector<std::string> refused;
  for (const auto& [tag, t] : transports_) {
    try {
      t->reload();
    } catch (const std::exception& e) {
      refused.push_back(fmt::format("{}: {}", tag, e.what()));
    }
  }
  return refused;
}

bool resources::failing(std::string_view tag) const {
  const auto found = dialers_.find(tag);
  return found != dialers_.end() && found->second->failing();
}

nat_counts resources::datagrams() const {
  nat_counts all;
  for (const auto& [key, nat] : nats_) all += nat.counts();
  return all;
}

}  // namespace muxpro::proxy
