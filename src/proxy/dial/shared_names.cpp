#include "proxy/dial/shared_names.hpp"

#include "proxy/names/final_names.hpp"
#include "proxy/policy/dial_policy.hpp"

#include <muxpro/proxy/dispatcher.hpp>

#include <chrono>
#include <utility>

namespace muxpro::proxy {

namespace {

using std::chrono::steady_clock;

/// Returns the answer of "hosts", without a family that is not asked for.
name_answer answer_of(const host_options& host, name_family wanted) {
  using kind = name_answer::kind;
  if (host.addresses.empty()) return {kind::not_there, {}};
  name_answer out{kind::found, host.addresses};
  std::erase_if(out.addresses, [wanted](const asio::ip::address& a) {
    return a.is_v4() ? wanted == name_family::ipv6 : wanted == name_family::ipv4;
  });
  if (out.addresses.empty()) out.what = kind::no_data;
  return out;
}

}  // namespace

std::vector<std::size_t> shared_names::servers_for(std::string_view name) const {
  if (!rules) return {name_rules::system_server};
  auto all = rules->servers_for(normalized(name));
  std::erase_if(all, [this](std::size_t n) { return server(n).transport == dns_transport::fakes; });
  if (all.empty()) all.push_back(name_rules::system_server);
  return all;
}

name_families shared_names::families(std::size_t n) {
  using f = name_family;
  const f whole = rules ? rules->family() : f::as_system, own = rules ? server(n).family : f::both;
  name_families out{whole != f::ipv6 && own != f::ipv6, whole != f::ipv4 && own != f::ipv4};
  if (out.ipv4 && (whole == f::as_system || own == f::as_system)) out.ipv6 = out.ipv6 && system.has_ipv6();
  return out;
}

std::optional<shared_names::cached_answer> shared_names::cached(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto now = steady_clock::now();
  if (const name_answer* const found = cache_.find(name, now)) return cached_answer{*found};
  if (const name_answer* const found = cache_.find_stale(name, now)) return cached_answer{*found, true};
  return std::nullopt;
}

void shared_names::remember(const std::string& name, const std::string& user, const name_answer& answer,
                            duration ttl, std::size_t server) {
  duration stale{0};
  if (rules) {
    const dns_server_options& from = rules->server(server);
    if (!from.cache) return;
    stale = from.stale;
  }
  const std::lock_guard lock(mutex_);
  cache_.put(name, user, answer, ttl, steady_clock::now(), stale);
}

std::optional<name_answer> shared_names::without_query(std::string_view name) {
  using kind = name_answer::kind;
  const std::string normal = normalized(name);
  if (const auto found = pinned.find(normal); found != pinned.end())
    return name_answer{found->second.empty() ? kind::not_there : kind::found, found->second};
  const auto own = rules ? rules->host_of(normal) : std::nullopt;
  if (own && own->alias.empty()) return answer_of(*own, rules->family());
  const auto hosts = system.hosts();
  const bool reads_hosts = !rules || rules->reads_system_hosts(normal);
  if (const auto* const found = reads_hosts ? hosts->find(normal) : nullptr)
    return name_answer{kind::found, by_routes(*found)};
  if (!is_localhost(normal)) return std::nullopt;
  return name_answer{kind::found,
                     by_routes({asio::ip::address_v6::loopback(), asio::ip::address_v4::loopback()})};
}

dispatcher* shared_names::dispatcher_of(const asio::any_io_executor& executor) {
  const std::lock_guard lock(mutex_);
  const auto found = doors_.find(&asio::query(executor, asio::execution::context));
  return found == doors_.end() ? nullptr : found->second;
}

void shared_names::add_dispatcher(dispatcher& to) {
  const auto executor = to.get_executor();
  const std::lock_guard lock(mutex_);
  doors_[&asio::query(executor, asio::execution::context)] = &to;
}

}  // namespace muxpro::proxy
