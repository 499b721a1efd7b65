#include "proxy/dial/resolver.hpp"

#include "proxy/dial/resolver_backend.hpp"
#include "proxy/dial/shared_names.hpp"
#include "proxy/names/final_names.hpp"
#include "proxy/policy/dial_policy.hpp"

#include <muxpro/proxy/dispatcher.hpp>

#include <optional>

namespace muxpro::proxy {

namespace {

std::vector<std::string> names_to_ask(std::string_view asked, system_names& system) {
  const bool may_be_completed = asked.find('.') == std::string_view::npos;
  return final_names(asked, may_be_completed ? system.servers()->domains : std::vector<std::string>());
}

}  // namespace

resolver::resolver(name_sources from) : shared_(std::make_shared<shared_names>(std::move(from))) {}
resolver::~resolver() = default;

void resolver::pin(std::string_view name, addresses answer) {
  shared_->pinned[normalized(name)] = std::move(answer);
}

void resolver::use(std::shared_ptr<const name_rules> rules) {
  shared_->rules = std::move(rules);
  for (std::size_t n = 0; n < shared_->rules->servers(); ++n) {
    const dns_server_options& s = shared_->rules->server(n);
    if (s.transport == dns_transport::https)
      shared_->doh.emplace(n, std::make_unique<doh_server>(s, shared_->sources.authority));
  }
}

void resolver::send_by(dispatcher& to) { shared_->add_dispatcher(to); }

void resolver::drain() {
  for (const auto& [n, server] : shared_->doh) server->drain();
}

namespace {

/// The name that the hosts of a configuration have for another one. A chain of them is followed for a while.
std::string without_aliases(std::string_view name, const name_rules* rules) {
  std::string out(name);
  for (int steps = 0; rules && steps < 8; ++steps) {
    const auto host = rules->host_of(normalized(out));
    if (!host || host->alias.empty()) break;
    out = host->alias;
  }
  return out;
}

}  // namespace

std::optional<unsigned> resolver::rcode_of(std::string_view asked) const {
  const name_rules* const rules = shared_->rules.get();
  const auto host = rules ? rules->host_of(normalized(without_aliases(asked, rules))) : std::nullopt;
  return host ? host->rcode : std::nullopt;
}

name_rules::fakes_use resolver::fakes_for(std::string_view asked) const {
  const name_rules* const rules = shared_->rules.get();
  const std::string name = without_aliases(asked, rules);
  if (!rules || shared_->without_query(name)) return name_rules::fakes_use::none;
  return rules->fakes_for(normalized(name));
}

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
    const bool exists = known && known->what == name_answer::kind::no_data;
    if (request->found.empty()) request->error = exists ? asio::error::no_data : asio::error::host_not_found;
    answer(request);
    return {{}, request};
  }
  const auto backend = resolver_backend::of(request->executor, shared_);
  look_up result(backend, request);
  backend->ask(request);
  return result;
}

resolver::look_up::look_up(std::weak_ptr<resolver_backend> backend, std::shared_ptr<name_request> request)
    : backend_(std::move(backend)), request_(std::move(request)) {}

resolver::look_up::~look_up() {
  if (!request_) return;
  if (const auto backend = backend_.lock()) backend->give_up(*request_);
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
