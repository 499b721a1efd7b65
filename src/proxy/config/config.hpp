// The content of a configuration file as structs, in the JSON format of V2Ray and Xray. Ring 4, a rule. It
// reads text and opens no file, so that tests and fuzzers can run all of it.
#pragma once

#include "proxy/base/masked.hpp"
#include "proxy/fake_dns/fake_dns.hpp"
#include "proxy/names/name_rules.hpp"
#include "proxy/policy/dial_order.hpp"
#include "proxy/policy/trusted_proxies.hpp"
#include "proxy/routing/router.hpp"
#include "proxy/sniff/sniff_policy.hpp"

#include <muxpro/proxy/config.hpp>
#include <muxpro/proxy/log.hpp>
#include <muxpro/proxy/registry.hpp>
#include <muxpro/proxy/settings.hpp>
#include <muxpro/proxy/stream_socket.hpp>

#include <asio/ip/address.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

struct log_config {
  std::optional<log_level> level = log_level::warning;  ///< without a value there is no log
  std::string file;                                     ///< empty for stderr
  /// The file that gets a line about each connection. If it is empty, the log gets the line at level info.
  /// Without a value there is no such line.
  std::optional<std::string> access = std::string();
  bool dns = false;                                   ///< lines about queries as well
  std::uint32_t access_lines = default_access_lines;  ///< about one source address in a second
  access_detail detail = access_detail::full;
  bool as_xray = false;  ///< lines about connections are Xray's, when their outbounds have been chosen
  address_mask mask = address_mask::none;
};

/// "streamSettings"
struct stream_config {
  transport_factory security, carrier;
  socket_options socket;
  /// The proxies of a listener that expects a header of the PROXY protocol. Null if it expects no header.
  std::shared_ptr<const trusted_proxies> proxies;
  bool is_reality = false;  ///< the security is REALITY
  /// For an outbound, the family of addresses that it dials.
  dial_family family = dial_family::any;
  /// For an outbound, whether "dns" resolves the name of its server, in place of the system.
  bool resolves_server = false;
  std::optional<happy_eyeballs> race;  ///< without a value the dialer's own
  /// For an outbound, the tag of the outbound that makes its connections. Empty if it makes them itself.
  std::string next;
  std::string next_key;  ///< the path of the key that has named it

  bool authenticates() const noexcept { return security.authenticates || carrier.authenticates; }
};

struct inbound_config {
  std::string tag, protocol;
  stream_endpoint at;
  struct place {
    place(stream_endpoint e, std::optional<std::uint32_t> mode = {}) : at(std::move(e)), file_mode(mode) {}
    stream_endpoint at;
    std::optional<std::uint32_t> file_mode;  ///< see socket_options
  };
  /// Further places, which in a file are the same address with the other ports of a range or a list.
  std::vector<place> more;
  stream_config stream;
  sniffing_options sniffing;
  inbound_plan plan;
  bool known = true;         ///< the protocol is one of the registry's
  bool may_be_open = false;  ///< other machines may reach it
  user_account anonymous = policy_level().user();
};

struct outbound_config {
  std::string tag, protocol;
  bool known = true;  ///< the protocol is one of the registry's
  stream_config stream;
  outbound_plan plan;
  std::optional<mux_options> mux;
};
/// Whether others on the way to its server can read what it carries.
bool is_in_clear(const outbound_config& o);

/// "observatory"
struct observatory_options {
  std::vector<std::string> selector;    ///< beginnings of the tags of outbounds
  host_port at{"www.google.com", 443};  ///< Xray's page
  std::string path = "/generate_204";
  bool tls = true;
  duration interval = std::chrono::seconds(10);
  duration timeout = std::chrono::seconds(5);  ///< from the dial to the answer
  std::string method = "GET";
  std::size_t samples = 1;  ///< measurements of an outbound that count
};

/// "api"
struct api_config {
  std::vector<std::string> services;  ///< in Xray's spelling
  std::string tag;                    ///< of the outbound that answers calls, empty without one
  std::optional<stream_endpoint> listen;
  std::optional<std::uint32_t> listen_mode;  ///< see socket_options::file_mode

  bool has(std::string_view service) const {
    return std::find(services.begin(), services.end(), service) != services.end();
  }
};

struct config {
  log_config log;
  std::vector<inbound_config> inbounds;
  std::vector<outbound_config> outbounds;  ///< the first one is the default
  router_options routing;
  /// The largest limits of all levels. They apply to outbounds, because an inbound applies the limits of its
  /// own level.
  policy_level outbound_policy;
  /// The address of the status page, which names users and targets. Only this machine may reach it.
  std::optional<stream_endpoint> metrics;
  std::optional<std::uint32_t> metrics_mode;  ///< see socket_options::file_mode
  /// Tags of outbounds that serve the status page themselves.
  std::vector<std::string> page_tags;
  /// The API by gRPC.
  std::optional<api_config> api;
  /// "policy", "inbounds" and "outbounds" as they are written. Null if the API does not change them.
  std::shared_ptr<const setting> written;
  /// Which outbounds are measured.
  std::optional<observatory_options> observed;
  /// Names that no freedom outbound dials, with their sub-domains.
  std::vector<std::string> blocked_names;
  /// See instance_options.
  duration drain_timeout = std::chrono::seconds(30);
  /// Further addresses of this machine, such as that of a NAT in front of it. Outbounds that dial no private
  /// targets refuse them.
  std::vector<asio::ip::address> own_addresses;
  /// From an accepted connection to the client's first byte.
  duration first_byte = std::chrono::seconds(3);
  /// The rules by which names are resolved. If null, the system resolves them.
  std::shared_ptr<const name_rules> names;
  std::vector<std::string> names_tags;  ///< those of "dns" and its servers, which rules may name
  /// A DNS server of the configuration is FakeDNS.
  bool fakes_by_dns = false;
  /// Names that are answered without a query.
  std::map<std::string, std::vector<asio::ip::address>> hosts;
  /// Addresses that stand for names. Without a value FakeDNS is off.
  std::optional<fake_dns_options> fakes;
  /// What it was read from, without what configured_proxy::reload() changes.
  setting restart_only;
  /// What the text takes from environment variables that this process does not have. The text is right
  /// without them, and a proxy cannot be made of it.
  std::vector<config_mistake> unset;
};

/// Returns the outbound through which `o` makes its connections. Null if it makes them itself.
const outbound_config* outbound_behind(const config& c, const outbound_config& o);
/// What becomes of the datagrams that `o` gets, with the outbounds behind it.
datagram_support datagrams_of(const config& c, const outbound_config& o);

/// Adds all mistakes to `mistakes`. The result may be used if there are no mistakes. `geo` has the lists that
/// rules name, `variables` the ports that are written as env:NAME.
config read_config(const setting& root, const registry& known, geo_files& geo, config_mistakes& mistakes,
                   const environment& variables = process_environment());

}  // namespace muxpro::proxy
