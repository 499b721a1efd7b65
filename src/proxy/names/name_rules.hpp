// name_rules, the object "dns" of a configuration with hosts by patterns, and the choice of servers for
// names. Ring 4, a rule without I/O.
#pragma once

#include "proxy/names/dns_server_options.hpp"
#include "proxy/routing/domain_index.hpp"
#include "proxy/routing/rule_texts.hpp"

#include <muxpro/proxy/geo_files.hpp>

#include <asio/ip/address.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// Answers for a name without a query, which are addresses, another name, or an empty answer.
struct host_options {
  std::string name;  ///< full:NAME, NAME, domain:, keyword:, regexp:, dotless:, geosite:, ext:
  std::vector<asio::ip::address> addresses;
  std::string alias;
  std::optional<unsigned> rcode{};  ///< a response code of DNS, in place of addresses
};

struct dns_options {
  std::vector<host_options> hosts;
  std::vector<dns_server_options> servers;
  name_family family = name_family::as_system;
  /// Whether a server is asked for a name that is not in its domains, which is never, not if another server
  /// has it, or in its turn.
  enum class fallback_use : std::uint8_t { never, without_match, always } fallback = fallback_use::always;
  bool parallel = false;      ///< all servers of a name are asked at once
  bool system_hosts = false;  ///< the hosts file of this machine is looked into before any server
};

/// The options in a form that is fast to ask. Set up once, then read by any thread.
class name_rules {
 public:
  /// Stands in the place of an index for the servers of this machine, which are asked for names of the
  /// servers themselves, and if the options have no servers.
  static constexpr std::size_t system_server = SIZE_MAX;

  /// Throws std::invalid_argument with one sentence about a text: "hosts['x'] is ..., ...".
  name_rules(dns_options options, geo_files& geo);

  /// Returns the answers of all patterns that match a normalized name, or nothing if no pattern matches.
  std::optional<host_options> host_of(std::string_view name) const;
  /// Indices of the servers for a normalized name, in the order in which they are asked.
  std::vector<std::size_t> servers_for(std::string_view name) const;
  const dns_server_options& server(std::size_t n) const;
  std::size_t servers() const noexcept { return options_.servers.size(); }
  bool has_servers() const noexcept { return !options_.servers.empty(); }
  /// Removes the addresses that the server's answers must not have.
  void filter(std::size_t server, std::vector<asio::ip::address>& addresses) const;
  /// Returns whether the two differ only by their addresses. Then the first reply of them is the answer.
  bool are_alike(std::size_t a, std::size_t b) const;
  /// Whether FakeDNS answers a client's query for a normalized name, before all servers, or behind those that
  /// have no answer.
  enum class fakes_use : std::uint8_t { none, first, last };
  fakes_use fakes_for(std::string_view name) const;
  name_family family() const noexcept { return options_.family; }
  bool parallel() const noexcept { return options_.parallel; }
  /// Whether the hosts file of this machine answers for a normalized name.
  bool reads_system_hosts(std::string_view name) const;

 private:
  struct answer_rules {
    std::optional<ip_rules> expected, unexpected;
  };
  void add_server(std::size_t n, geo_files& geo);

  dns_options options_;
  domain_index hosts_, domains_;
  std::vector<answer_rules> answers_;
  std::set<std::string, std::less<>> own_names_;
};

}  // namespace muxpro::proxy
