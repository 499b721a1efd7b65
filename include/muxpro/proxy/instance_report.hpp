// What a proxy does now, as plain values. Ring 4.
#pragma once

#include <muxpro/proxy/context.hpp>
#include <muxpro/proxy/nat_table.hpp>
#include <muxpro/proxy/stats.hpp>
#include <muxpro/stats.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace muxpro::proxy {

struct instance_report {
  struct connection {
    context about;
    std::uint64_t up = 0, down = 0;
    double seconds = 0;
  };
  struct outbound {
    std::size_t live = 0;
    std::vector<session_stats> main_connections;
  };
  /// A main connection that somebody else has made.
  struct accepted : session_stats {
    std::string source;
    std::string user;  ///< empty: nobody had to say
  };
  struct inbound {
    std::vector<accepted> main_connections;
    std::uint64_t ever = 0;  ///< main connections since the start
  };

  std::vector<connection> connections;  ///< the oldest of each thread, as many as were asked for
  std::size_t live = 0;                 ///< all connections
  std::map<std::string, outbound> outbounds;
  std::map<std::string, inbound> inbounds;  ///< of a mux_server; those of an instance are only in `counters`
  std::vector<stats::row> counters;
  /// That exist on its threads, set or not: the library's and the proxy's own, one at least for each main
  /// connection and each relay; with those that it takes to make this report, if its threads make it.
  std::size_t timers = 0;
  nat_counts datagrams;
  bool complete = true;  ///< every thread has answered in time
};

}  // namespace muxpro::proxy
