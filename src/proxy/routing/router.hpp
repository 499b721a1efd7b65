// router, the rules that choose an outbound for a connection. Ring 4, a rule without I/O and clock. The
// caller resolves names.
#pragma once

#include "proxy/routing/outbound_health.hpp"
#include "proxy/sniff/sniffer.hpp"

#include <muxpro/destination.hpp>
#include <muxpro/options.hpp>
#include <muxpro/proxy/geo_files.hpp>

#include <asio/ip/address.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

struct context;

/// A rule matches where all of its fields do. A field matches where one of its values does. A field without
/// values does not count, but one field must have some. Values are spelled as in Xray.
struct routing_rule {
  /// full:NAME, domain:NAME, keyword:TEXT, TEXT, regexp:EXPRESSION, dotless:TEXT, geosite:LIST[@ATTRIBUTE],
  /// ext:FILE:LIST. Expressions are RE2's, found anywhere in the name, which is in lower case.
  std::vector<std::string> domain;
  /// An address, a block, geoip:LIST, ext:FILE:LIST, or one of them behind '!'. If no plain value matches,
  /// all values behind '!' must hold.
  std::vector<std::string> ip, source_ip;
  /// Addresses that clients have connected to, written as in ip.
  std::vector<std::string> local_ip;
  /// "53,443,1000-2000"
  std::string port, source_port, local_port;
  /// Numbers that clients of VLESS put into bytes 6 and 7 of their UUID, written as ports.
  std::string vless_route;
  /// Programs of this machine, each a name, or a path with '/'. A path that ends with '/' is a directory.
  std::vector<std::string> process;
  /// "tcp", "udp" or "tcp,udp"
  std::string network;
  std::vector<std::string> inbound_tag;
  /// A name, or regexp:EXPRESSION.
  std::vector<std::string> user;
  /// Beginnings of the sniffed or inbound protocol. "http" also matches "http1". "unknown" matches a
  /// connection whose protocol was not detected.
  std::vector<std::string> protocol;
  /// Names of attributes, in any case, to expressions that must be found in their values. All of them must.
  std::map<std::string, std::string> attrs;

  /// A name that is shown in lists of the rules.
  std::string rule_tag;
  /// The outbound or balancer of connections that match. balancer_tag counts only if outbound_tag is empty.
  std::string outbound_tag, balancer_tag;
  /// Priority of the sub-stream if the outbound multiplexes. 0 is served first, 255 last. Without a value the
  /// priority stays as it was.
  std::optional<std::uint8_t> mux_priority;
};

/// How a rule about addresses treats a name. as_is does not match it, ip_if_non_match resolves it if no rule
/// matches otherwise, and ip_on_demand resolves it as soon as such a rule would match otherwise.
enum class domain_strategy : std::uint8_t { as_is, ip_if_non_match, ip_on_demand };

enum class balancing : std::uint8_t { random, round_robin, least_load, least_ping };

/// How least_load chooses among outbounds that an observatory measures.
struct least_load_options {
  /// The deviation of an outbound whose tag matches counts as if it were larger by the root of `value`.
  struct cost {
    bool regexp = false;  ///< whether `match` is an expression, else it is a part of the tag
    std::string match;
    double value = 1;
  };
  std::size_t expected = 0;  ///< outbounds that share new connections, 0 means 1
  duration max_rtt{0};       ///< slower ones are not chosen, 0 means no limit
  double tolerance = 0;      ///< the part of measurements that may fail, 0 means any
  /// Limits of the deviation. The first one below which there are `expected` outbounds chooses all outbounds
  /// below it.
  std::vector<duration> baselines;
  std::vector<cost> costs;
};

struct balancer_options {
  std::string tag;
  /// Beginnings of the tags of outbounds.
  std::vector<std::string> selector;
  balancing strategy = balancing::random;
  /// The outbound that is used if no selected outbound can be used.
  std::string fallback_tag;
  least_load_options load{};
};

struct router_options {
  std::vector<routing_rule> rules;
  std::vector<balancer_options> balancers;
  domain_strategy strategy = domain_strategy::as_is;
  /// All outbounds of the configuration. Connections that no rule matches go to the first one.
  std::vector<std::string> outbound_tags;
  /// Seed of the random numbers of balancing::random.
  std::uint64_t seed = 0;
};

/// Returns the tags of the outbounds that connections of `net` from an inbound can get to, whatever the other
/// conditions of the rules are. A balancer counts with all of its outbounds.
std::vector<std::string> possible_outbounds(const router_options& options, std::string_view inbound_tag,
                                            network net);

struct route_request {
  destination target;
  /// The name that was sniffed, where the target is an address.
  std::string domain;
  asio::ip::address source, local;
  std::uint16_t source_port = 0, local_port = 0;
  std::optional<std::uint16_t> vless_route;
  /// The path of the client's program. Empty if the program is not found.
  std::string process;
  std::string inbound_tag, user, protocol;
  attributes attrs;
  /// False for the queries of the resolver itself, which must not wait for itself.
  bool may_resolve = true;
};

/// The target is what would be dialled. A route target that is a name becomes the domain.
route_request request_of(const context& ctx);

struct route_decision {
  std::string outbound_tag;
  /// The index of the rule that matched. Without a value no rule matched.
  std::optional<std::size_t> rule;
  std::optional<std::uint8_t> priority{};

  friend bool operator==(const route_decision&, const route_decision&) = default;
};

/// Set up once. Any thread may call it then.
class router {
 public:
  /// Returns the number of live connections or sub-streams of an outbound, or nothing if it cannot be used
  /// now. route() calls it, in its own thread.
  using outbound_load = std::function<std::optional<std::size_t>(std::string_view outbound_tag)>;
  using outbound_measurements = std::function<std::optional<outbound_health>(std::string_view outbound_tag)>;

  /// Throws std::invalid_argument with one sentence that names the rule, the field and what it may be.
  /// Without `load` all outbounds count as usable and idle. `measured` returns what an observatory has found,
  /// or nothing if the outbound is not alive or was not measured.
  router(const router_options& options, geo_files& geo, outbound_load load = {},
         outbound_measurements measured = {});
  router(router&&) noexcept;
  ~router();

  /// Returns nothing if an address is needed. The caller then resolves request.target.host, and calls the
  /// other overload with the addresses.
  std::optional<route_decision> route(const route_request& request) const;
  /// Always decides, without addresses if the name has none.
  route_decision route(const route_request& request, std::span<const asio::ip::address> resolved) const;
  /// What a balancer chooses from, and what it has to choose.
  struct balancer_state {
    std::vector<std::string> selected;
    std::string pinned;  ///< empty if it chooses itself
  };
  /// Returns nothing if there is no such balancer. Any thread.
  std::optional<balancer_state> state_of(std::string_view balancer_tag) const;
  /// Makes the balancer choose `outbound_tag` from now on. An empty tag restores its strategy. Returns false
  /// if there is no such balancer or outbound. Any thread.
  bool pin(std::string_view balancer_tag, std::string_view outbound_tag) const;
  /// Whether a rule has a condition on the protocol or on attributes.
  bool by_content() const noexcept { return by_content_; }
  /// Whether a rule has a condition on the client's program.
  bool by_process() const noexcept { return by_process_; }

 private:
  struct tables;
  bool by_content_, by_process_;
  std::unique_ptr<const tables> tables_;
};

}  // namespace muxpro::proxy
