// instance_report, counter_row: the state of a running proxy, as plain values. Ring 4.
#pragma once

#include <muxpro/proxy/context.hpp>
#include <muxpro/proxy/datagram_counts.hpp>
#include <muxpro/stats.hpp>

#include <asio/ip/address.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// Whose traffic a counter counts.
enum class counter_kind : std::uint8_t { inbound, outbound, user };

/// The traffic of one inbound, outbound or user. Bytes of datagrams are counted without their addresses.
struct counter_row {
  counter_kind what = counter_kind::inbound;
  std::string name;
  std::uint64_t up = 0, down = 0, connections = 0;
  std::size_t live = 0;
};

/// "inbound", "outbound" or "user".
std::string_view name_of(counter_kind what) noexcept;
/// "inbound>>>socks>>>traffic>>>uplink", as Xray calls it.
std::string counter_name(counter_kind what, std::string_view name, bool up);

/// Look-ups of names. Pinned names and names of the hosts file need no look-up.
struct name_counts {
  std::size_t under_way = 0;  ///< names that servers are asked for
  std::size_t waiting = 0;    ///< look-ups that wait to begin, because their users have too many under way
  std::size_t cached = 0;     ///< names in the cache
};

struct instance_report {
  struct connection {
    context ctx;
    std::uint64_t up = 0, down = 0;
    double seconds = 0;
  };
  struct outbound {
    std::size_t live = 0;
    std::vector<session_stats> main_connections;
  };
  /// A main connection that a client has made.
  struct accepted : session_stats {
    std::string source;
    std::string user;  ///< empty if the client did not have to authenticate
  };
  struct inbound {
    std::vector<accepted> main_connections;
    std::uint64_t ever = 0;  ///< main connections since the start
  };

  std::vector<connection> connections;  ///< the oldest of each thread, as many as were asked for
  std::size_t live = 0;                 ///< all connections
  std::map<std::string, outbound> outbounds;
  std::map<std::string, inbound> inbounds;  ///< those that accept main connections
  std::vector<counter_row> counters;
  std::map<std::string, std::uint64_t, std::less<>>
      failed_logins;  ///< wrong passwords since the start, by inbound
  /// Timers that exist on its threads, set or not, of the library and of the proxy. There is at least one for
  /// each main connection and each relay. Includes those of making this report, if its own threads make it.
  std::size_t timers = 0;
  nat_counts datagrams;
  name_counts names;
  std::array<std::uint64_t, drop_reasons> drops{};  ///< datagrams by drop_reason
  bool complete = true;                             ///< every thread has answered in time
  bool draining = false;                            ///< no more connections are accepted
  /// The addresses of each user's clients, each with the seconds since its last connection began. Only
  /// instance::online() fills it.
  std::map<std::string, std::map<asio::ip::address, double>> online;
};

}  // namespace muxpro::proxy
