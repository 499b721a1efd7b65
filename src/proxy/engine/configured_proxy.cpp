#include "proxy/engine/configured_proxy_impl.hpp"

#include "proxy/config/changes.hpp"
#include "proxy/dial/route_by.hpp"
#include "proxy/net/socket_trials.hpp"
#include "proxy/outbound/dns.hpp"
#include "proxy/policy/accounts.hpp"

#include <fmt/format.h>
#include <asio/co_spawn.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <stdexcept>
#include <utility>

namespace muxpro::proxy {

namespace {

router_options seeded(router_options o) {
  o.seed = std::random_device()();
  return o;
}

}  // namespace

configured_proxy::impl::impl(const config& c, geo_files& geo, std::size_t threads, log_sink log,
                             log_sink access)
    : began(c),
      lines(c.log, log, access),
      drops(std::make_shared<datagram_drops>(log)),
      shared(began, drops),
      lists(geo.unread()) {
  for (const config_mistake& m : c.unset) throw std::runtime_error(fmt::format("{} {}", m.path, m.sentence));
  remember(c);
  if (c.observed) observed = std::make_unique<observatory>(*c.observed, c.routing.outbound_tags);
  if (!c.routing.rules.empty()) route(c.routing, geo);
  possible_now = possible(c.routing);
  began.routing.rules.clear();  // the router has them in its own form
  began.written.reset();
  if (c.api) api = std::make_shared<api_server>(*this, c.api->services);
  if (c.fakes) fakes = std::make_shared<fake_dns>(*c.fakes);
  for (const outbound_config& o : began.outbounds)
    outbound_factories.emplace_back(o.tag, shared.make_outbound(o));
  const auto each_thread = [this](dispatcher& to, asio::io_context& io) { equip(to, io); };
  instance_options options;
  options.access = lines.at_end();
  options.chosen = lines.at_choice();
  options.drops = drops;
  options.is_own_dial = [this](const context::inbound_part& accepted) {
    return shared.has_dialled(accepted);
  };
  options.drain_timeout = c.drain_timeout;
  options.first_byte = c.first_byte;
  log_to = log;
  running = std::make_unique<instance>(std::move(options), threads, each_thread, std::move(log));
  lines.report_on(running->get_executor());
  for (const inbound_config& i : c.inbounds) listen(i, geo);
  if (c.metrics) listen_for_status(*c.metrics);
  if (c.api && c.api->listen) listen_for_calls();
}

configured_proxy::impl::~impl() {
  if (running) running->stop();
  lines.finish();
}

void configured_proxy::impl::route(const router_options& o, geo_files& geo) {
  router::outbound_measurements measured;
  if (observed) measured = [this](std::string_view tag) { return observed->health(tag); };
  chooser = std::make_shared<const router>(
      seeded(o), geo, [this](std::string_view tag) { return load(tag); }, std::move(measured));
  for (const auto& [balancer, outbound] : overridden) chooser->pin(balancer, outbound);
}

// The rules are long lists, so what they allow is found once for each inbound.
dispatcher::possible_outbounds configured_proxy::impl::possible(const router_options& o) const {
  std::map<std::string, std::vector<std::string>> of_inbound;
  for (const inbound_config& i : began.inbounds)
    of_inbound[i.tag] = proxy::possible_outbounds(o, i.tag, network::udp);
  return [of_inbound = std::move(of_inbound), any = o.outbound_tags](const context& ctx) {
    const auto found = of_inbound.find(ctx.inbound.tag);
    return found == of_inbound.end() ? any : found->second;
  };
}

// A server that cannot be reached has few connections, and would get all new ones.
std::optional<std::size_t> configured_proxy::impl::load(std::string_view tag) const {
  std::shared_lock lock(tags_access);
  if (absent.contains(tag)) return std::nullopt;
  lock.unlock();
  if (shared.failing(tag) || (observed && observed->is_dead(tag))) return std::nullopt;
  return running->load(tag);
}

/// Returns the outbound that answers the inbounds of protocol dns. Null without such inbounds.
std::shared_ptr<dns_outbound> configured_proxy::impl::answers_of_inbounds() {
  const auto is_dns = [](const inbound_config& i) { return i.protocol == dns_protocol; };
  if (std::none_of(began.inbounds.begin(), began.inbounds.end(), is_dns)) return nullptr;
  if (fakes && !began.fakes_by_dns) return std::make_shared<dns_outbound>(fakes);
  auto out = std::make_shared<dns_outbound>(shared.names, shared.policy_of_operator());
  out->answer_by(fakes);
  return out;
}

// As in Xray the API takes the place of an outbound of its tag, unless it has a listener.
void configured_proxy::impl::add_outbounds(dispatcher& to, asio::io_context& io) {
  const std::string calls = api ? began.api->tag : std::string();
  for (const auto& [tag, make] : outbound_factories) {
    if (!calls.empty() && tag == calls && !began.api->listen) continue;
    const auto o = make(io);
    if (auto* const names = dynamic_cast<dns_outbound*>(o.get()); names && fakes && began.fakes_by_dns)
      names->answer_by(fakes);
    to.add(tag, o);
  }
  if (!calls.empty()) to.add(calls, std::make_shared<api_outbound>(api));
}

void configured_proxy::impl::equip(dispatcher& to, asio::io_context& io) {
  add_outbounds(to, io);
  for (const std::string& tag : began.page_tags) to.add(tag, std::make_shared<status_outbound>(reporter()));
  if (fakes) to.use_fake_dns(fakes);
  if (const auto answers = answers_of_inbounds()) to.add(std::string(fake_dns_outbound), answers);
  shared.add_thread(to);
  to.link_capacity(behind.link_capacity());
  shared.names.send_by(to);
  if (chooser) to.route_by(by_rules(chooser, shared.names), chooser->by_content(), possible_now);
  // All threads share them. The first one takes care of them.
  if (std::exchange(first_is_there, true)) return;
  if (observed) asio::co_spawn(io, observed->run(to), [](std::exception_ptr) {});
  shared.sweep(io);
  shared.watch_addresses(io);
  shared.watch_files(io, log_to);
}

void configured_proxy::impl::listen(const inbound_config& i, geo_files& geo) {
  if (!i.plan.make) throw std::logic_error("an inbound without a protocol");
  require_options(i.stream.socket, i.tag);
  const auto serves = i.plan.make();
  transport_options how = shared.make_transport(i.stream, i.tag);
  std::shared_ptr<const sniff_policy> sniffing;
  if (i.sniffing.enabled) sniffing = std::make_shared<const sniff_policy>(i.sniffing, geo);
  listen_at(i.at, i, serves, how, sniffing);
  for (const auto& [at, file_mode] : i.more) {
    how.socket.file_mode = file_mode;
    listen_at(at, i, serves, how, sniffing);
  }
}

void configured_proxy::impl::listen_at(stream_endpoint at, const inbound_config& i,
                                       const std::shared_ptr<const inbound>& serves,
                                       const transport_options& how,
                                       const std::shared_ptr<const sniff_policy>& sniffing) {
  try {
    if (i.plan.tcp) at = running->listen(at, i.tag, serves, how, sniffing, i.anonymous);
    if (i.plan.udp) {
      const asio::ip::udp::endpoint here(to_tcp(at).address(), to_tcp(at).port());
      const auto found =
          running->listen_for_datagrams(here, i.tag, serves, how.socket, sniffing, i.anonymous);
      at = asio::ip::tcp::endpoint(found.address(), found.port());
    }
    add_listening(i.tag, at);
  } catch (const std::system_error& e) {
    throw std::runtime_error(
        fmt::format("{}: cannot listen on {}: {}", i.tag, to_string(at), e.code().message()));
  }
}

// No outbound comes back in by it.
void configured_proxy::impl::add_listening(const std::string& tag, const stream_endpoint& at) {
  if (!serving) listening.push_back({tag, at});
  if (!is_unix(at)) shared.add_listener(to_tcp(at));
}

asio::awaitable<instance_report> configured_proxy::impl::report(std::size_t connections) {
  instance_report r = co_await running->report(connections);
  r.datagrams += shared.datagrams();
  r.names = shared.names.counts();
  co_return r;
}

status_reporter configured_proxy::impl::reporter() {
  return [this](std::size_t connections) { return report(connections); };
}

void configured_proxy::impl::listen_for_status(const stream_endpoint& at) {
  transport_options how;
  how.socket.file_mode = began.metrics_mode;
  try {
    add_listening("status", running->listen(at, "status", std::make_shared<status_inbound>(reporter()), how));
  } catch (const std::system_error& e) {
    throw std::runtime_error(
        fmt::format("metrics: cannot listen on {}: {}", to_string(at), e.code().message()));
  }
}

void configured_proxy::impl::listen_for_calls() {
  const api_config& c = *began.api;
  transport_options how;
  how.socket.file_mode = c.listen_mode;
  try {
    add_listening("api", running->listen(*c.listen, "api", std::make_shared<api_inbound>(api), how));
  } catch (const std::system_error& e) {
    throw std::runtime_error(
        fmt::format("api: cannot listen on {}: {}", to_string(*c.listen), e.code().message()));
  }
}

// Accounts are those of the inbound that listens at the same address for the same protocol. Its position in
// the list is ignored.
void configured_proxy::impl::take_accounts(const config& c) {
  for (const inbound_config& now : c.inbounds) {
    const auto same = [&](const inbound_config& i) {
      return i.tag == now.tag && i.protocol == now.protocol && i.at == now.at;
    };
    const auto old = std::find_if(began.inbounds.begin(), began.inbounds.end(), same);
    if (now.plan.users && old != began.inbounds.end()) old->plan.users->replace_with(*now.plan.users);
  }
  remember(c);
}

// If rules name outbounds that do not exist, the old rules stay.
std::vector<std::string> configured_proxy::impl::reload(const config& c, geo_files& geo) {
  const std::lock_guard lock(changing);
  std::vector<std::string> left = changes(began.restart_only, c.restart_only);
  take_accounts(c);
  router_options options = c.routing;
  options.outbound_tags = routing_now.outbound_tags;
  try {
    route(options, geo);
    use_rules(options);
    routing_now = options;
    if (!began.api) routing_now.rules.clear();
  } catch (const std::invalid_argument& e) {
    left.push_back(fmt::format("routing ({})", e.what()));
  }
  return left;
}

configured_proxy::configured_proxy(const config& c, geo_files& geo, std::size_t threads, log_sink log,
                                   log_sink access)
    : impl_(std::make_unique<impl>(c, geo, threads, std::move(log), std::move(access))) {}
configured_proxy::~configured_proxy() = default;

const std::vector<configured_proxy::listening_endpoint>& configured_proxy::listening() const noexcept {
  return impl_->listening;
}
void configured_proxy::start() {
  impl_->serving = true;
  impl_->running->start();
}
std::vector<std::string> configured_proxy::reload(const config& c, geo_files& geo) {
  return impl_->reload(c, geo);
}
std::vector<std::string> configured_proxy::reload_files() { return impl_->shared.reload_files(); }
void configured_proxy::reopen_logs_by(std::function<void()> f) { impl_->log_opener = std::move(f); }
void configured_proxy::drain() {
  impl_->shared.names.drain();
  if (impl_->api) impl_->api->drain();
  impl_->running->drain();
}
void configured_proxy::wait() { impl_->running->wait(); }

}  // namespace muxpro::proxy
