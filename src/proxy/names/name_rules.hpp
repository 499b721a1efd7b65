// "dns" of a configuration: hosts with patterns, and which servers are asked for which names. Ring 4, a rule:
// no I/O.
#pragma once

#include "proxy/routing/domain_index.hpp"
#include "proxy/routing/rule_texts.hpp"

#include <muxpro/proxy/geo_files.hpp>

#include <asio/ip/address.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// Which addresses of names are asked for. As the system has it: those of IPv6 only if an interface can reach
/// others by it.
enum class name_family : std::uint8_t { as_system, both, ipv4, ipv6 };

struct dns_server_options {
  /// Empty: those of the system.
  std::optional<asio::ip::address> at;
  std::uint16_t port = 53;
  bool tcp = false;
  /// Names that it is asked for first, as rules spell them. Empty: all.
  std::vector<std::string> domains;
  /// Addresses that its answers must have, and must not have, as rules spell them. Others are left out.
  std::vector<std::string> expected, unexpected;
  /// Whether it is not asked for names that are not its own.
  bool skip_fallback = false;
};

/// Answers for a name without a query: addresses, another name, or none at all.
struct host_options {
  std::string name;  ///< full:NAME, NAME, domain:, keyword:, regexp:, dotless:, geosite:, ext:
  std::vector<asio::ip::address> addresses;
  std::string alias;
};

struct dns_options {
  std::vector<host_options> hosts;
  std::vector<dns_server_options> servers;
  name_family family = name_family::as_system;
  bool fallback = true;  ///< whether servers are asked for names that are none of theirs
  bool cache = true;
};

/// The options in a form that is fast to ask. Set up once, then read by any thread.
class name_rules {
 public:
  /// Throws std::invalid_argument with one sentence about a text: "hosts['x'] is ..., ...".
  name_rules(dns_options options, geo_files& geo);

  /// The entry of the first pattern that matches a normalized name; null: there is none.
  const host_options* host_of(std::string_view name) const;
  /// Indices of the servers for a normalized name, in the order in which they are asked.
  std::vector<std::size_t> servers_for(std::string_view name) const;
  const dns_server_options& server(std::size_t n) const { return options_.servers[n]; }
  bool has_servers() const noexcept { return !options_.servers.empty(); }
  /// Removes the addresses that the server's answers must not have.
  void filter(std::size_t server, std::vector<asio::ip::address>& addresses) const;
  name_family family() const noexcept { return options_.family; }
  bool caches() const noexcept { return options_.cache; }

 private:
  struct answer_rules {
    std::optional<ip_rules> expected, unexpected;
  };

  dns_options options_;
  domain_index hosts_, domains_;
  std::vector<answer_rules> answers_;
};

}  // namespace muxpro::proxy
