// The connections of HTTP/1.1 that a client keeps to one place. Ring 4.
#pragma once

#include "proxy/policy/reuse.hpp"
#include "proxy/transport/thread_pools.hpp"

#include <muxpro/proxy/connection.hpp>
#include <muxpro/timer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace muxpro::proxy {

/// Idle connections of HTTP/1.1 that share one set of limits, as those of one HTTP client in Xray do. By
/// HTTP/2 each connection has a set of its own.
class http1_group {
 public:
  /// Beyond them a connection is closed.
  static constexpr std::size_t most_idle = 16;

  explicit http1_group(reuse_state s) noexcept : state(s) {}
  /// Returns the connection that was used last. Null if no connection is idle.
  std::shared_ptr<connection> take_idle();
  void keep(std::shared_ptr<connection> c, time_point now);
  /// Those that are idle since then, or longer.
  void close_idle(time_point since = time_point::max());
  bool has_idle() const noexcept { return !idle_.empty(); }

  reuse_state state;

 private:
  struct entry {
    std::shared_ptr<connection> c;
    time_point since;
  };
  std::deque<entry> idle_;  ///< the longest first
};

/// A proxied connection's use of a group, as long as it exists.
class http1_use {
 public:
  explicit http1_use(std::shared_ptr<http1_group> g) : group(std::move(g)) { group->state.begin(); }
  http1_use(const http1_use&) = delete;
  ~http1_use() { group->state.end(); }
  /// Whether a further request may begin.
  bool lasts() const noexcept { return group->state.takes_requests(std::chrono::steady_clock::now()); }

  const std::shared_ptr<http1_group> group;
};

/// Those of one thread. Belongs to its strand. It exists as long as a connection is idle.
class http1_pool : public std::enable_shared_from_this<http1_pool> {
 public:
  /// After so long, or twice that at most, an idle connection is closed (nginx closes it after 75 s).
  static constexpr duration usual_idle = std::chrono::seconds(30);

  http1_pool(const asio::any_io_executor& executor, const reuse_limits& l, duration idle = usual_idle);

  /// A group that takes a request, a new one if need be.
  std::shared_ptr<http1_use> get();
  void keep(http1_group& g, std::shared_ptr<connection> c);

 private:
  static void watch(std::shared_ptr<http1_pool> self);
  bool close_idle();

  const reuse_limits limits_;
  const duration idle_;
  const std::uint32_t wanted_;  ///< so many are made before one is used again
  std::vector<std::shared_ptr<http1_group>> all_;
  std::size_t next_ = 0;  ///< where the search begins
  counted_timer timer_;
  bool watching_ = false;
};

}  // namespace muxpro::proxy
