// configured_proxy::impl: the members of a configured_proxy, which the API changes. Ring 4.
#pragma once

#include "proxy/config/config.hpp"
#include "proxy/engine/connection_lines.hpp"
#include "proxy/engine/control.hpp"
#include "proxy/engine/observatory.hpp"
#include "proxy/engine/resources.hpp"
#include "proxy/inbound/api.hpp"
#include "proxy/inbound/status.hpp"
#include "proxy/udp/datagram_drops.hpp"

#include <muxpro/proxy/configured_proxy.hpp>
#include <muxpro/proxy/instance.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muxpro::proxy {

class dns_outbound;

struct configured_proxy::impl final : proxy_control {
  impl(const config& c, geo_files& geo, std::size_t threads, log_sink log, log_sink access);
  ~impl() override;

  std::optional<std::size_t> load(std::string_view tag) const;
  void route(const router_options& o, geo_files& geo);
  /// The rules of route() are those of all threads, soon.
  void use_rules(const router_options& o);
  dispatcher::possible_outbounds possible(const router_options& o) const;
  std::shared_ptr<dns_outbound> answers_of_inbounds();
  void equip(dispatcher& to, asio::io_context& io);
  void add_outbounds(dispatcher& to, asio::io_context& io);
  void take_accounts(const config& c);
  std::vector<std::string> reload(const config& c, geo_files& geo);
  void listen(const inbound_config& i, geo_files& geo);
  void listen_at(stream_endpoint at, const inbound_config& i, const std::shared_ptr<const inbound>& serves,
                 const transport_options& how, const std::shared_ptr<const sniff_policy>& sniffing);
  void add_listening(const std::string& tag, const stream_endpoint& at);
  asio::awaitable<instance_report> report(std::size_t connections);
  status_reporter reporter();
  void listen_for_status(const stream_endpoint& at);
  void listen_for_calls();

  // --- for the API

  asio::any_io_executor first_thread() override { return running->get_executor(); }
  asio::awaitable<instance_report> counters() override { return report(0); }
  asio::awaitable<instance_report> online() override { return running->online(); }
  void add_inbound(setting inbound) override;
  void remove_inbound(const std::string& tag) override;
  std::vector<std::string> inbounds() override;
  void add_outbound(setting outbound) override;
  void remove_outbound(const std::string& tag) override;
  std::vector<std::string> outbounds() override;
  void add_user(const std::string& inbound, user_operation user) override;
  void remove_user(const std::string& inbound, const std::string& email) override;
  std::vector<std::string> users(const std::string& inbound, const std::string& email) override;
  std::size_t count_users(const std::string& inbound) override;
  std::string route(const route_request& request) override;
  router::balancer_state balancer(const std::string& tag) override;
  void override_balancer(const std::string& tag, const std::string& outbound) override;
  void add_rules(const setting& routing, bool append) override;
  void remove_rule(const std::string& rule_tag) override;
  std::vector<routing_rule> rules() override;
  void reopen_logs() override;

  /// Reads an inbound or an outbound as a configuration that has only that.
  config read_alone(const char* list, setting one);
  void stop_listening(const inbound_config& i);
  inbound_config& inbound_named(const std::string& tag);
  /// Returns the inbound's clients or accounts as they are written. Null without any.
  setting* written_users(const std::string& tag);
  void remember(const config& c);
  void reroute();

  /// The configuration of the start, with the inbounds and accounts of now.
  config began;
  const policy_level& behind = began.outbound_policy;
  log_sink log_to;
  const connection_lines lines;
  const std::shared_ptr<datagram_drops> drops;
  resources shared;
  std::vector<std::pair<std::string, outbound_factory>> outbound_factories;
  std::shared_ptr<const router> chooser;
  dispatcher::possible_outbounds possible_now;
  std::shared_ptr<fake_dns> fakes;
  std::unique_ptr<observatory> observed;
  bool first_is_there = false;
  std::vector<listening_endpoint> listening;
  std::function<void()> log_opener;

  std::mutex changing;         ///< held by each change, of the API and of a reload
  const geo_files lists;       ///< for rules and inbounds that are read while the proxy runs
  router_options routing_now;  ///< without rules, unless the API may change it
  setting policy;
  std::map<std::string, setting> written;         ///< inbounds by their tags, if the API may change them
  std::map<std::string, std::string> overridden;  ///< outbounds of balancers
  bool serving = false;
  mutable std::shared_mutex tags_access;
  std::set<std::string, std::less<>> absent;  ///< tags of outbounds that were removed

  std::shared_ptr<api_server> api;
  std::unique_ptr<instance> running;
};

}  // namespace muxpro::proxy
