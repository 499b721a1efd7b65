// A rule in a form that is fast to match, without its domains, which the router looks up for all rules at
// once.
#pragma once

#include "proxy/base/port_set.hpp"
#include "proxy/routing/router.hpp"
#include "proxy/routing/rule_texts.hpp"

#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// Names, and expressions for names.
class user_set {
 public:
  /// Empty, or what is wrong with it.
  std::string add(std::string_view text);
  bool contains(const std::string& user) const;

 private:
  std::set<std::string> names_;
  std::vector<pattern> patterns_;
};

class rule {
 public:
  /// Throws std::invalid_argument.
  rule(const routing_rule& from, geo_files& geo);

  /// All fields but domain and ip.
  bool match_rest(const route_request& r) const;
  bool has_ip() const noexcept { return ip_.has_value(); }
  /// One of them is enough.
  bool match_ip(std::span<const asio::ip::address> addresses) const;

 private:
  void read_network(const std::string& text);
  void read_attrs(const std::map<std::string, std::string>& attrs);
  bool match_attrs(const attributes& attrs) const;

  bool match_clients(const route_request& r) const;

  std::optional<ip_rules> ip_, source_ip_, local_ip_;
  std::optional<port_set> port_, source_port_, local_port_, vless_route_;
  std::vector<std::string> programs_;
  bool tcp_ = true, udp_ = true;
  std::set<std::string> inbound_tags_;
  std::optional<user_set> users_;
  std::vector<std::string> protocols_;
  std::vector<std::pair<std::string, pattern>> attrs_;
};

}  // namespace muxpro::proxy
