// listening_inbound: the inbound that serves the connections of a listener. shared_parts: what the threads of
// an instance share.
#pragma once

#include "proxy/engine/access_log.hpp"
#include "proxy/engine/rate_limited_log.hpp"
#include "proxy/engine/stats.hpp"
#include "proxy/engine/workers.hpp"
#include "proxy/udp/datagram_drops.hpp"

#include <muxpro/proxy/instance.hpp>

#include <fmt/format.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace muxpro::proxy {

/// What serves the connections of a listener.
struct listening_inbound {
  listening_inbound(std::string t, std::shared_ptr<const inbound> i, transport_options how,
                    std::shared_ptr<const sniff_policy> s, user_account a)
      : tag(std::move(t)),
        serves(std::move(i)),
        layers(std::move(how.layers)),
        proxies(std::move(how.proxies)),
        sniffing(std::move(s)),
        anonymous(std::move(a)) {}
  const std::string tag;
  const std::shared_ptr<const inbound> serves;
  const std::shared_ptr<const transport> layers;
  const std::shared_ptr<const trusted_proxies> proxies;
  const std::shared_ptr<const sniff_policy> sniffing;
  const user_account anonymous;
  const bool is_monitor = serves->is_monitor();
};

/// What the threads of an instance share.
struct shared_parts {
  shared_parts(instance_options o, std::size_t threads_wanted, log_sink to)
      : options(std::move(o)),
        events(to, options.log_lines),
        access(to, options.access_lines),
        drops(options.drops ? options.drops : std::make_shared<datagram_drops>(to)),
        threads(threads_wanted),
        busy(threads.size()) {
    const auto executor = threads[0].get_executor();
    events.report_on(executor);
    access.report_on(executor);
    drops->report_on(executor);
  }
  void stop() {
    threads.stop();
    events.finish();
    access.finish();
    drops->finish();
  }
  /// Notes it in the log.
  bool is_own_dial(const context::inbound_part& in) {
    if (!options.is_own_dial || !options.is_own_dial(in)) return false;
    events.note(log_level::warning, in.source,
                fmt::format("a connection from {} port {} was dropped: this process has dialled it",
                            shown_source(in.source), in.source_port));
    return true;
  }
  void note_eviction(const asio::ip::address& source) {
    events.note(log_level::warning, source,
                fmt::format("a connection of {} was closed before its request: newer ones needed its place",
                            shown_source(source)));
  }
  void note_access(const ended_connection& c) {
    if (options.access)
      options.access(c);
    else
      access.note(c);
  }

  const instance_options options;
  rate_limited_log events;
  access_log access;
  const std::shared_ptr<datagram_drops> drops;
  const std::shared_ptr<stats> counts = std::make_shared<stats>();
  workers threads;
  std::atomic<std::size_t> busy;  ///< threads that a drain waits for
};

}  // namespace muxpro::proxy
