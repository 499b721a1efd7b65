#include "proxy/engine/resources.hpp"

#include "proxy/net/address_watch.hpp"
#include "proxy/net/local_addresses.hpp"
#include "proxy/net/socket_trials.hpp"
#include "proxy/policy/own_dials.hpp"

#include <muxpro/proxy/outbound.hpp>

#include <asio/co_spawn.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>

namespace muxpro::proxy {

namespace {

// HandlerService may add inbounds that others reach.
bool all_local(const config& c) {
  if (c.api && c.api->has("HandlerService")) return false;
  return std::none_of(c.inbounds.begin(), c.inbounds.end(),
                      [](const auto& i) { return is_reachable_remotely(i.at); });
}

/// What makes datagrams of two outbounds go different ways.
std::string route_key(const socket_options& o) {
  return fmt::format("{} {} {}", o.mark, o.interface, o.source ? o.source->to_string() : "");
}

}  // namespace

class resources::of_outbound final : public outbound_resources {
 public:
  of_outbound(resources& all, const outbound_config& o) : all_(all), config_(o) {}

  std::shared_ptr<transport_dialer> dialer() override {
    std::unique_lock lock(all_.access_);
    if (const auto known = all_.dialers_[config_.tag]) return known;
    lock.unlock();
    auto made = std::make_shared<transport_dialer>(
        config_.plan.server.value(), all_.make_transport(config_.stream, config_.tag), dialing({}));
    lock.lock();
    return all_.dialers_[config_.tag] = std::move(made);
  }
  const relay_options& relay() const override { return all_.config_.outbound_policy.relay; }
  const std::optional<mux_options>& mux() const override { return config_.mux; }
  bool local_only() const override { return all_.local_only_; }
  dial_options dialing(dial_options own) const override {
    const stream_config& s = config_.stream;
    own.socket = s.socket;
    own.through = all_.next_of(config_);
    if (s.race) own.stagger = s.race->stagger;
    if (s.race) own.order = s.race->order;
    if (own.family == dial_family::any) own.family = s.family;
    if (s.resolves_server) own.server_names = all_.names.shared();
    return own;
  }
  resolver& names() override { return all_.names; }
  const dial_policy& policy(bool allow_private) const override {
    return allow_private ? all_.open_ : all_.careful_;
  }
  udp_nat& nat(bool allow_private, const nat_limits& limits, const dial_options& dial) override {
    const nat_key key(allow_private, dial.family, limits.refused_ports, limits.user_datagrams.burst,
                      limits.idle, limits.resume, route_key(dial.socket));
    const std::lock_guard lock(all_.access_);
    const auto [nat, is_new] =
        all_.nats_.try_emplace(key, limits, dial, all_.names, policy(allow_private), all_.drops_);
    if (is_new && all_.sweeping_)
      asio::co_spawn(*all_.sweeping_, nat->second.sweep(), [](std::exception_ptr) {});
    return nat->second;
  }

 private:
  resources& all_;
  const outbound_config config_;
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

transport_options resources::make_transport(const stream_config& s, const std::string& tag) {
  transport_options how;
  how.socket = s.socket;
  how.proxies = s.proxies;
  try {
    const auto made = [](const transport_factory& p) { return p.make ? p.make() : nullptr; };
    how.layers = stacked(made(s.security), made(s.carrier));
  } catch (const std::exception& e) {
    throw std::runtime_error(fmt::format("{}: {}", tag, e.what()));
  }
  std::vector<std::string> files = s.security.files;
  files.insert(files.end(), s.carrier.files.begin(), s.carrier.files.end());
  if (how.layers) files_.add(tag, how.layers, std::move(files));
  return how;
}

std::shared_ptr<const next_outbound> resources::next_of(const outbound_config& o) const {
  const outbound_config* const next = outbound_behind(config_, o);
  if (!next) return nullptr;
  return std::make_shared<const next_outbound>(next->tag, datagrams_of(config_, *next), threads_);
}

outbound_factory resources::make_outbound(const outbound_config& o) {
  if (!o.plan.make) throw std::logic_error("an outbound without a protocol");
  require_options(o.stream.socket, o.tag);
  const auto own = std::make_shared<of_outbound>(*this, o);
  return [own, make = o.plan.make(*own)](asio::io_context& io) {
    const auto both =
        std::make_shared<std::pair<std::shared_ptr<of_outbound>, std::shared_ptr<outbound>>>(own, make(io));
    return std::shared_ptr<outbound>(both, both->second.get());
  };
}

void resources::forget(std::string_view tag) {
  const std::lock_guard lock(access_);
  if (const auto found = dialers_.find(tag); found != dialers_.end()) dialers_.erase(found);
}

void resources::watch_addresses(asio::io_context& io) {
  asio::co_spawn(io, proxy::watch_addresses(own_), [](std::exception_ptr) {});
}

void resources::watch_files(asio::io_context& io, log_sink log) {
  constexpr auto pause = std::chrono::minutes(1);
  asio::co_spawn(io, files_.run(pause, std::move(log)), [](std::exception_ptr) {});
}

bool resources::has_dialled(const context::inbound_part& accepted) const {
  const asio::ip::tcp::endpoint source(accepted.source, accepted.source_port);
  const asio::ip::tcp::endpoint here(accepted.gateway, accepted.gateway_port);
  return dials_->has_dialled(source, here, own_->contains(accepted.source), std::chrono::steady_clock::now());
}

void resources::add_listener(const asio::ip::tcp::endpoint& at) {
  for (dial_policy* p : {&open_, &careful_}) p->own_listener(at);
}

void resources::remove_listener(const asio::ip::tcp::endpoint& at) {
  for (dial_policy* p : {&open_, &careful_}) p->forget_listener(at);
}

void resources::sweep(asio::io_context& io) {
  const std::lock_guard lock(access_);
  sweeping_ = &io;
  for (auto& [key, nat] : nats_) asio::co_spawn(io, nat.sweep(), [](std::exception_ptr) {});
}

bool resources::failing(std::string_view tag) const {
  const std::lock_guard lock(access_);
  const auto found = dialers_.find(tag);
  return found != dialers_.end() && found->second->failing();
}

nat_counts resources::datagrams() const {
  nat_counts all;
  const std::lock_guard lock(access_);
  for (const auto& [key, nat] : nats_) all += nat.counts();
  return all;
}

}  // namespace muxpro::proxy
