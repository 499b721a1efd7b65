// What a configuration file says, as structs: the JSON that users of V2Ray and Xray know. Ring 4, a rule: it
// sees text, opens nothing, and so tests and fuzzers can have it all.
#pragma once

#include <muxpro/client_pool_options.hpp>
#include <muxpro/proxy/dialer.hpp>
#include <muxpro/proxy/fake_dns.hpp>
#include <muxpro/proxy/inbounds/dns.hpp>
#include <muxpro/proxy/inbounds/dokodemo.hpp>
#include <muxpro/proxy/inbounds/http.hpp>
#include <muxpro/proxy/inbounds/mixed.hpp>
#include <muxpro/proxy/inbounds/mux.hpp>
#include <muxpro/proxy/inbounds/socks.hpp>
#include <muxpro/proxy/log.hpp>
#include <muxpro/proxy/router.hpp>
#include <muxpro/proxy/settings.hpp>
#include <muxpro/proxy/sniff_policy.hpp>
#include <muxpro/proxy/socks_client.hpp>
#include <muxpro/proxy/stream_socket.hpp>
#include <muxpro/proxy/transport_registry.hpp>
#include <muxpro/relay_options.hpp>

#include <asio/ip/address.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace muxpro::proxy {

/// Longer texts, deeper ones and ones with more values are refused (lists of 100,000 domains fit).
inline constexpr std::size_t max_config_size = 16 * 1024 * 1024;
inline constexpr std::size_t max_config_depth = 32;
inline constexpr std::size_t max_config_values = 1'000'000;

/// JSON with comments as // and /* */. Nothing, and why, if it is none.
std::optional<setting> parse_json(std::string_view text, config_mistakes& mistakes);

struct log_config {
  std::optional<log_level> level = log_level::warning;  ///< nothing: no log
  std::string file;                                     ///< empty: stderr
  /// Where a line about each connection goes: a file; empty: the log, at level info; nothing: nowhere.
  std::optional<std::string> access = std::string();
  bool dns = false;  ///< lines about queries as well
};

/// Timers and buffers of a level of users. V2Ray's documentation says 4, 300, 2, 5 s, its code 60, 300, 1, 1:
/// these are the library's own, and their reasons stand where they are defined.
struct policy_level {
  duration handshake = std::chrono::seconds(10);
  relay_options relay;
  /// A link holds a part of what its relays hold: its bytes wait for nobody but them.
  std::size_t link_capacity() const noexcept { return relay.buffer / 4; }
};

/// "streamSettings"
struct stream_config {
  transport_plan transport;
  socket_options socket;
};

struct mixed_config {
  mixed_inbound_options both;
};
/// What an inbound of each protocol is told: a further protocol is one more type here, one line in the table
/// of config/inbounds.cpp, and one function in configured_inbound.cpp that makes it.
using inbound_settings =
    std::variant<std::monostate, socks_inbound_options, http_inbound_options, mixed_config,
                 mux_inbound_options, dokodemo_inbound_options, dns_inbound_options>;

struct inbound_config {
  std::string tag, protocol;
  stream_endpoint at;
  stream_config stream;
  sniffing_options sniffing;
  inbound_settings settings;
  /// Clients have to say who they are, by the protocol itself.
  bool asks_for_users = false;
  /// Wherever a client wants to go, it gets to one place.
  bool one_target = false;
  /// What a client that wants to go to mux.pro:9527 begins is a main connection; nothing: that is a host as
  /// any other.
  std::optional<mux_inbound_options> inside;
  std::size_t link_capacity = policy_level().link_capacity();
  bool tcp = true, udp = false;  ///< what it listens for
};

struct freedom_config {
  /// Private and local targets, too; nothing: if only this machine can reach the inbounds.
  std::optional<bool> allow_private;
  std::string refused_udp_ports;  ///< nat_limits::refused_ports
  dial_options dial;
};
struct blackhole_config {};
struct mux_use {
  /// Somebody waits: a server that comes back is found within 2 s, however long it was away.
  mux_use() { pool.backoff_max = std::chrono::seconds(1); }

  client_pool_options pool;
  std::uint8_t priority = 0;  ///< of sub-streams where neither a rule nor the client has said one
};
struct mux_config : mux_use {
  stream_address server;
};
struct socks_server_config {
  stream_address server;
  std::optional<socks_credentials> credentials;
  std::optional<mux_use> mux;  ///< connections are sub-streams of main connections by way of the server
};
/// As inbound_settings, with config/outbounds.cpp and configured_proxy.cpp.
using outbound_settings =
    std::variant<std::monostate, freedom_config, blackhole_config, mux_config, socks_server_config>;

struct outbound_config {
  std::string tag, protocol;
  stream_config stream;
  outbound_settings settings;
};

struct config {
  log_config log;
  std::vector<inbound_config> inbounds;
  std::vector<outbound_config> outbounds;  ///< the first one is the default
  router_options routing;
  /// The most patient and the largest of all levels: what holds behind an inbound, which has its own level's.
  policy_level outbound_policy;
  /// Where the status page is served, which names users and targets: a place that only this machine reaches.
  std::optional<stream_endpoint> metrics;
  /// Names that are answered without a query.
  std::map<std::string, std::vector<asio::ip::address>> hosts;
  /// Addresses that inbounds of protocol dns give out.
  std::optional<fake_dns_options> fakes;
  /// What it was read from, without what configured_proxy::reload() changes.
  setting lasting;
};

/// All mistakes go to `mistakes`; the result is of use if there are none. Lists that rules name are looked
/// for in `geo`.
config read_config(const setting& root, const transport_registry& transports, geo_files& geo,
                   config_mistakes& mistakes);

}  // namespace muxpro::proxy
