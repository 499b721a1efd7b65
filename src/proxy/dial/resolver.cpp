#include "proxy/dial/resolver.hpp"

#include "proxy/dial/name_lane.hpp"
#include "proxy/dial/shared_names.hpp"
#include "proxy/names/final_names.hpp"
#include "proxy/policy/dial_policy.hpp"

#include <chrono>
#include <optional>

namespace muxpro::proxy {

namespace {

std::vector<std::string> names_to_ask(std::string_view asked, system_names& system) {
  const bool may_be_completed = asked.find('.') == std::string_view::npos;
  return final_names(asked, may_be_completed ? system.servers()->domains : std::vector<std::string>());
}

}  // namespace

std::vector<std::size_t> shared_names::servers_for(std::string_view name) const {
  if (!rules || !rules->has_servers()) return {0};
  auto all = rules->servers_for(normalized(name));
  return all;
}

dns_servers shared_names::server(std::size_t n) {
  dns_servers out = *system.servers();
  if (!rules || !rules->has_servers()) return out;
  const dns_server_options& s = rules->server(n);
  if (s.at) {
    out.addresses = {*s.at};
    out.port = s.port;
  }
  out.tcp = s.tcp;
  return out;
}

bool shared_names::wants_ipv6() {
  const name_family f = rules ? rules->family() : name_family::as_system;
  return f == name_family::both || f == name_family::ipv6 ||
         (f == name_family::as_system && system.has_ipv6());
}

std::optional<name_answer> shared_names::cached(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const name_answer* const found = cache_.find(name, std::chrono::steady_clock::now());
  return found ? std::optional(*found) : std::nullopt;
}

void shared_names::remember(const std::string& name, const std::string& user, const name_answer& answer,
                            duration ttl) {
  if (rules && !rules->caches()) return;
  const std::lock_guard lock(mutex_);
  cache_.put(name, user, answer, ttl, std::chrono::steady_clock::now());
}

std::optional<name_answer> shared_names::without_query(std::string_view name) {
  using kind = name_answer::kind;
  const std::string normal = normalized(name);
  if (const auto found = pinned.find(normal); found != pinned.end())
    return name_answer{found->second.empty() ? kind::not_there : kind::found, found->second};
  if (const host_options* const own = rules ? rules->host_of(normal) : nullptr; own && own->alias.empty())
    return name_answer{own->addresses.empty() ? kind::not_there : kind::found, own->addresses};
  if (const auto* const found = system.hosts()->find(normal))
    return name_answer{kind::found, by_routes(*found)};
  if (!is_localhost(normal)) return std::nullopt;
  return name_answer{kind::found,
                     by_routes({asio::ip::address_v6::loopback(), asio::ip::address_v4::loopback()})};
}

resolver::resolver(name_sources from) : shared_(std::make_shared<shared_names>(std::move(from))) {}
resolver::~resolver() = default;

void resolver::pin(std::string_view name, addresses answer) {
  shared_->pinned[normalized(name)] = std::move(answer);
}

void resolver::use(std::shared_ptr<const name_rules> rules) { shared_->rules = std::move(rules); }

namespace {

/// The name that the hosts of a configuration have for another one. A chain of them is followed for a while.
std::string without_aliases(std::string_view name, const name_rules* rules) {
  std::string out(name);
  for (int steps = 0; rules && steps < 8; ++steps) {
    const host_options* const host = rules->host_of(normalized(out));
    if (!host || host->alias.empty()) break;
    out = host->alias;
  }
  return out;
}

}  // namespace

resolver::look_up resolver::resolve(std::string_view asked, std::string asker, asio::any_io_executor executor,
                                    name_check may_ask, handler done) {
  const std::string name = without_aliases(asked, shared_->rules.get());
  std::optional<name_answer> known = shared_->without_query(name);
  std::vector<std::string> names;
  if (!known) names = names_to_ask(name, shared_->system);
  const auto request = std::make_shared<name_request>(
      shared_, std::move(asker), std::move(names), std::move(executor), std::move(may_ask), std::move(done));
  if (known || request->names.empty()) {
    if (known) request->found = std::move(known->addresses);
    if (request->found.empty()) request->error = asio::error::host_not_found;
    answer(request);
    return {{}, request};
  }
  const auto lane = name_lane::of(request->executor, shared_);
  look_up result(lane, request);
  lane->ask(request);
  return result;
}

resolver::look_up::look_up(std::weak_ptr<name_lane> lane, std::shared_ptr<name_request> request)
    : lane_(std::move(lane)), request_(std::move(request)) {}

resolver::look_up::~look_up() {
  if (!request_) return;
  if (const auto lane = lane_.lock()) lane->give_up(*request_);
  request_->done = nullptr;
}

name_counts resolver::counts() const {
  name_counts c;
  c.under_way = shared_->under_way;
  c.waiting = shared_->waiting;
  c.cached = shared_->entries();
  return c;
}

}  // namespace muxpro::proxy
