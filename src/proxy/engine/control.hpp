// proxy_control: the interface by which the API reads and changes a running proxy. Ring 4.
#pragma once

#include "proxy/api/handlers.hpp"
#include "proxy/routing/router.hpp"

#include <muxpro/proxy/report.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// What is not asynchronous is called on first_thread(), and throws api_refusal, or another std::exception
/// with one sentence.
class proxy_control {
 public:
  virtual ~proxy_control() = default;

  virtual asio::any_io_executor first_thread() = 0;
  /// Counters and what threads do. Completes as instance::report(). Errors: none. Cancellation: as that.
  virtual asio::awaitable<instance_report> counters() = 0;
  /// Addresses of users. Completes as instance::online(). Errors: none. Cancellation: as that.
  virtual asio::awaitable<instance_report> online() = 0;

  virtual void add_inbound(setting inbound) = 0;
  /// What it has accepted goes on.
  virtual void remove_inbound(const std::string& tag) = 0;
  virtual std::vector<std::string> inbounds() = 0;
  virtual void add_outbound(setting outbound) = 0;
  /// What it carries goes on.
  virtual void remove_outbound(const std::string& tag) = 0;
  virtual std::vector<std::string> outbounds() = 0;

  virtual void add_user(const std::string& inbound, user_operation user) = 0;
  /// What the user has open goes on.
  virtual void remove_user(const std::string& inbound, const std::string& email) = 0;
  /// Messages of type User. An empty email stands for all users.
  virtual std::vector<std::string> users(const std::string& inbound, const std::string& email) = 0;
  virtual std::size_t count_users(const std::string& inbound) = 0;

  /// The outbound that rules choose, without looking for addresses of names.
  virtual std::string route(const route_request& request) = 0;
  virtual router::balancer_state balancer(const std::string& tag) = 0;
  /// An empty outbound ends it.
  virtual void override_balancer(const std::string& tag, const std::string& outbound) = 0;
  /// `routing` is as in a configuration. If `append` is true, its rules and balancers go behind the existing
  /// ones, else they replace them.
  virtual void add_rules(const setting& routing, bool append) = 0;
  virtual void remove_rule(const std::string& rule_tag) = 0;
  virtual std::vector<routing_rule> rules() = 0;

  virtual void reopen_logs() = 0;
};

}  // namespace muxpro::proxy
