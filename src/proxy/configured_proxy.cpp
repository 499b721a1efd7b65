#include <muxpro/proxy/configured_proxy.hpp>

#include "config/changes.hpp"
#include "configured_inbound.hpp"
#include "dial_session.hpp"

#include <muxpro/proxy/inbounds/status.hpp>
#include <muxpro/proxy/instance.hpp>
#include <muxpro/proxy/local_addresses.hpp>
#include <muxpro/proxy/outbounds/blackhole.hpp>
#include <muxpro/proxy/outbounds/dns.hpp>
#include <muxpro/proxy/outbounds/freedom.hpp>
#include <muxpro/proxy/outbounds/mux.hpp>
#include <muxpro/proxy/outbounds/socks.hpp>
#include <muxpro/proxy/route_by.hpp>
#include <muxpro/proxy/transport_dialer.hpp>
#include <muxpro/proxy/udp_nat.hpp>

#include <asio/co_spawn.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <stdexcept>
#include <utility>

namespace muxpro::proxy {

namespace {

/// Makes an object for each thread.
using outbound_factory = std::function<std::shared_ptr<outbound>(asio::io_context&)>;

transport_use made(const stream_config& s, std::string_view where) {
  transport_use how;
  how.socket = s.socket;
  try {
    if (s.transport.make) how.over = s.transport.make();
  } catch (const std::exception& e) {
    throw std::runtime_error(fmt::format("{}: {}", where, e.what()));
  }
  return how;
}

}  // namespace

struct configured_proxy::parts {
  parts(const config& c, geo_files& geo, std::size_t threads, log_sink log, log_sink access);
  ~parts();

  // One function for each protocol.
  outbound_factory factory(const std::monostate&, const outbound_config&);
  outbound_factory factory(const freedom_config& f, const outbound_config&);
  outbound_factory factory(const blackhole_config&, const outbound_config&);
  outbound_factory factory(const mux_config& m, const outbound_config& o);
  outbound_factory factory(const socks_server_config& c, const outbound_config& o);
  std::shared_ptr<transport_dialer> way_to(const stream_address& server, const outbound_config& o);
  outbound_factory multiplexed(mux_outbound::dialer dial, const mux_use& m);

  std::optional<std::size_t> load(std::string_view tag) const;
  void route(const router_options& o, geo_files& geo);
  void equip(dispatcher& to, asio::io_context& io);
  void take_accounts(const config& c);
  std::vector<std::string> reload(const config& c, geo_files& geo);
  void listen(const inbound_config& i, geo_files& geo);
  void add_way_in(const std::string& tag, const stream_endpoint& at);
  void listen_for_status(const stream_endpoint& at);

  /// What it began with; of what has accounts, the accounts of now.
  config began;
  const policy_level& behind = began.outbound_policy;
  const bool local_only;
  resolver names;
  dial_policy open, careful;
  /// By whether private targets are allowed, by the family that names get, and by the ports that are refused.
  std::map<std::tuple<bool, dial_family, std::string>, udp_nat> nats;
  std::map<std::string, std::shared_ptr<transport_dialer>, std::less<>> ways;  // by their outbounds' tags
  std::vector<std::pair<std::string, outbound_factory>> outbounds;
  std::shared_ptr<const router> rules;
  std::shared_ptr<fake_dns> fakes;
  bool swept = false;
  std::vector<way_in> listening;
  std::unique_ptr<instance> running;
};

namespace {

bool all_local(const config& c) {
  return std::none_of(c.inbounds.begin(), c.inbounds.end(),
                      [](const auto& i) { return reaches_others(i.at); });
}

/// What becomes of connections that have ended. A line that nobody gets is not made.
std::function<void(const ended_connection&)> written_down(const log_config& c, log_sink log,
                                                          log_sink access) {
  const bool by_log = !access, heard = c.level && *c.level <= log_level::info;
  if (!c.access || (by_log && !heard)) return [](const ended_connection&) {};
  auto to = std::make_shared<braked_log>(by_log ? std::move(log) : std::move(access), default_access_lines);
  return [dns = c.dns, to = std::move(to)](const ended_connection& e) {
    if (!dns && e.about.inbound.protocol == "dns") return;
    to->note(log_level::info, e.about.inbound.source, [&e] { return e.line(); });
  };
}

router_options seeded(router_options o) {
  o.seed = std::random_device()();
  return o;
}

}  // namespace

configured_proxy::parts::parts(const config& c, geo_files& geo, std::size_t threads, log_sink log,
                               log_sink access)
    : began(c), local_only(all_local(c)) {
  open.allow_private(true);
  for (const auto& [name, addresses] : c.hosts) names.pin(name, addresses);
  if (!c.routing.rules.empty()) route(c.routing, geo);
  began.routing.rules.clear();  // the router has them in its own form
  if (c.fakes) fakes = std::make_shared<fake_dns>(*c.fakes);
  for (const outbound_config& o : c.outbounds)
    outbounds.emplace_back(o.tag, std::visit([&](const auto& s) { return factory(s, o); }, o.settings));
  const auto each_thread = [this](dispatcher& to, asio::io_context& io) { equip(to, io); };
  instance_options options;
  options.access = written_down(c.log, log, std::move(access));
  running = std::make_unique<instance>(std::move(options), threads, each_thread, std::move(log));
  for (const inbound_config& i : c.inbounds) listen(i, geo);
  if (c.metrics) listen_for_status(*c.metrics);
}

// What resolvers have under way ends before the executors that it would be told to.
configured_proxy::parts::~parts() {
  if (running) running->stop();
  names.stop();
  for (const auto& [tag, w] : ways) w->stop();
}

void configured_proxy::parts::route(const router_options& o, geo_files& geo) {
  rules = std::make_shared<const router>(seeded(o), geo, [this](std::string_view tag) { return load(tag); });
}

// Whoever cannot be connected has few connections, and would get all.
std::optional<std::size_t> configured_proxy::parts::load(std::string_view tag) const {
  const auto way = ways.find(tag);
  if (way != ways.end() && way->second->failing()) return std::nullopt;
  return running->load(tag);
}

outbound_factory configured_proxy::parts::factory(const std::monostate&, const outbound_config&) {
  throw std::logic_error("an outbound without a protocol");
}

outbound_factory configured_proxy::parts::factory(const freedom_config& f, const outbound_config&) {
  const bool all = f.allow_private.value_or(local_only);
  const dial_policy& policy = all ? open : careful;
  nat_limits limits;
  if (local_only) limits.user_datagrams = {};  // it is for those who come from elsewhere
  limits.refused_ports = f.refused_udp_ports;
  udp_nat& nat = nats.try_emplace({all, f.dial.family, f.refused_udp_ports}, limits, f.dial, names, policy)
                     .first->second;
  return [this, &policy, &nat, f](asio::io_context&) {
    return std::make_shared<freedom>(names, policy, f.dial, behind.relay, &nat);
  };
}

outbound_factory configured_proxy::parts::factory(const blackhole_config&, const outbound_config&) {
  return [](asio::io_context&) { return std::make_shared<blackhole>(); };
}

outbound_factory configured_proxy::parts::factory(const mux_config& m, const outbound_config& o) {
  auto dial = [way = way_to(m.server, o), options = m.pool.session] { return dial_session(way, options); };
  return multiplexed(std::move(dial), m);
}

outbound_factory configured_proxy::parts::multiplexed(mux_outbound::dialer dial, const mux_use& m) {
  return [this, dial = std::move(dial), pool = m.pool, priority = m.priority](asio::io_context& io) {
    return std::make_shared<mux_outbound>(io.get_executor(), dial, pool, behind.relay, priority);
  };
}

outbound_factory configured_proxy::parts::factory(const socks_server_config& c, const outbound_config& o) {
  socks_outbound_options options;
  options.credentials = c.credentials;
  options.relay = behind.relay;
  const auto way = way_to(c.server, o);
  if (c.mux) {
    auto dial = [way, options, s = c.mux->pool.session] { return dial_session_by_socks(way, options, s); };
    return multiplexed(std::move(dial), *c.mux);
  }
  return [way, options](asio::io_context&) { return std::make_shared<socks_outbound>(way, options); };
}

std::shared_ptr<transport_dialer> configured_proxy::parts::way_to(const stream_address& server,
                                                                  const outbound_config& o) {
  const auto way = std::make_shared<transport_dialer>(server, made(o.stream, o.tag));
  ways.insert_or_assign(o.tag, way);
  return way;
}

void configured_proxy::parts::equip(dispatcher& to, asio::io_context& io) {
  for (const auto& [tag, make] : outbounds) to.add(tag, make(io));
  if (fakes) {
    to.add(dns_inbound_options().outbound, std::make_shared<dns_outbound>(fakes));
    to.know_fakes(fakes);
  }
  to.link_capacity(behind.link_capacity());
  if (rules) to.route_by(by_rules(rules, names));
  // They are shared by all threads; the first one tidies up.
  if (std::exchange(swept, true)) return;
  for (auto& [which, nat] : nats) asio::co_spawn(io, nat.sweep(), [](std::exception_ptr) {});
}

void configured_proxy::parts::listen(const inbound_config& i, geo_files& geo) {
  const auto serves = make_inbound(i);
  transport_use how = made(i.stream, i.tag);
  try {
    std::shared_ptr<const sniff_policy> sniffing;
    if (i.sniffing.enabled) sniffing = std::make_shared<const sniff_policy>(i.sniffing, geo);
    stream_endpoint at = i.at;
    const bool transparent = how.socket.transparent;
    if (i.tcp) at = running->listen(at, i.tag, serves, std::move(how), sniffing, i.link_capacity);
    if (i.udp) {
      const asio::ip::udp::endpoint here(to_tcp(at).address(), to_tcp(at).port());
      const auto found = running->listen_for_datagrams(here, i.tag, serves, transparent, sniffing);
      at = asio::ip::tcp::endpoint(found.address(), found.port());
    }
    add_way_in(i.tag, at);
  } catch (const std::system_error& e) {
    throw std::runtime_error(
        fmt::format("{}: cannot listen on {}: {}", i.tag, to_string(i.at), e.code().message()));
  }
}

// No outbound comes back in by it.
void configured_proxy::parts::add_way_in(const std::string& tag, const stream_endpoint& at) {
  listening.push_back({tag, at});
  if (is_unix(at)) return;
  for (dial_policy* p : {&open, &careful}) p->own_listener(to_tcp(at), local_addresses());
}

void configured_proxy::parts::listen_for_status(const stream_endpoint& at) {
  auto report = [this](std::size_t connections) -> asio::awaitable<instance_report> {
    instance_report r = co_await running->report(connections);
    for (const auto& [which, nat] : nats) r.datagrams += nat.counts();
    co_return r;
  };
  try {
    add_way_in("status", running->listen(at, "status", std::make_shared<status_inbound>(std::move(report))));
  } catch (const std::system_error& e) {
    throw std::runtime_error(
        fmt::format("metrics: cannot listen on {}: {}", to_string(at), e.code().message()));
  }
}

// Accounts are those of the inbound that listens at the same place for the same protocol: which one it is in
// the list means nothing.
void configured_proxy::parts::take_accounts(const config& c) {
  for (inbound_config now : c.inbounds) {
    const auto same = [&](const inbound_config& i) {
      return i.tag == now.tag && i.protocol == now.protocol && i.at == now.at;
    };
    const auto old = std::find_if(began.inbounds.begin(), began.inbounds.end(), same);
    accounts* const users = accounts_of(now.settings);
    if (users && old != began.inbounds.end()) accounts_of(old->settings)->become(*users);
  }
}

// Rules may name outbounds that are not here: then the old ones stay.
std::vector<std::string> configured_proxy::parts::reload(const config& c, geo_files& geo) {
  std::vector<std::string> left = changes(began.lasting, c.lasting);
  take_accounts(c);
  router_options options = c.routing;
  options.outbound_tags = began.routing.outbound_tags;
  try {
    route(options, geo);
    running->change([this, r = rules](dispatcher& to) { to.route_by(by_rules(r, names)); });
  } catch (const std::invalid_argument& e) {
    left.push_back(fmt::format("routing ({})", e.what()));
  }
  return left;
}

configured_proxy::configured_proxy(const config& c, geo_files& geo, std::size_t threads, log_sink log,
                                   log_sink access)
    : parts_(std::make_unique<parts>(c, geo, threads, std::move(log), std::move(access))) {}
configured_proxy::~configured_proxy() = default;

const std::vector<configured_proxy::way_in>& configured_proxy::listening() const noexcept {
  return parts_->listening;
}
void configured_proxy::start() { parts_->running->start(); }
std::vector<std::string> configured_proxy::reload(const config& c, geo_files& geo) {
  return parts_->reload(c, geo);
}
void configured_proxy::drain() { parts_->running->drain(); }
void configured_proxy::wait() { parts_->running->wait(); }

}  // namespace muxpro::proxy
