// The HTTP/2 connections of a client to one place. Ring 4.
#pragma once

#include "proxy/policy/reuse.hpp"
#include "proxy/policy/spaced_dials.hpp"
#include "proxy/transport/http2_connection.hpp"
#include "proxy/transport/thread_pools.hpp"

#include <muxpro/proxy/transport.hpp>
#include <muxpro/semaphore.hpp>

#include <asio/steady_timer.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// A connection of a client that runs by itself. It keeps `owner` as long as it lives.
std::shared_ptr<http2_connection> start_http2_client(std::shared_ptr<connection> below,
                                                     const http2_options& o,
                                                     std::shared_ptr<const void> owner = nullptr);

/// A use of a connection, as long as it exists.
class http2_use {
 public:
  http2_use(const std::shared_ptr<http2_connection>& c, std::shared_ptr<reuse_state> s)
      : connection_(c), state_(std::move(s)) {
    state_->begin();
  }
  http2_use(const http2_use&) = delete;
  /// A connection that is used no more ends behind its last stream.
  ~http2_use();
  /// Whether a further request may begin.
  bool lasts() const noexcept;
  /// Returns the connection for a request, which is counted. Null if it has gone.
  std::shared_ptr<http2_connection> for_request() noexcept {
    state_->count_request();
    return connection_.lock();
  }

 private:
  const std::weak_ptr<http2_connection> connection_;
  const std::shared_ptr<reuse_state> state_;
};

/// Those of one thread. Belongs to its strand.
class http2_pool : public std::enable_shared_from_this<http2_pool> {
 public:
  /// `dials` is null if dials need no distance.
  http2_pool(const asio::any_io_executor& executor, const http2_options& o, const reuse_limits& l,
             std::shared_ptr<spaced_dials> dials = nullptr);

  /// Returns one that takes a request, a new one if need be, which `below` dials. One is dialled at a time.
  /// Completes when there is one.
  /// Errors: those of `below` if no other connection is there, which those share that have waited for it. It
  /// returns null then.
  /// Cancellation (terminal): operation_aborted.
  asio::awaitable<std::shared_ptr<http2_use>> get(transport::opener below, std::error_code& ec);

 private:
  struct entry {
    std::weak_ptr<http2_connection> connection;
    std::shared_ptr<reuse_state> state;
  };

  std::shared_ptr<http2_use> usable(bool may_dial);
  /// A new one is not needed, or would have to wait, and another one takes requests. Else null.
  std::shared_ptr<http2_use> usable_now();
  asio::awaitable<void> wait_for_dial(std::error_code& ec);
  asio::awaitable<void> dial(transport::opener& below, std::error_code& ec);

  const http2_options options_;
  const reuse_limits limits_;
  const std::uint32_t wanted_;  ///< so many are made before one is used again
  semaphore turn_;
  const std::shared_ptr<spaced_dials> dials_;
  asio::steady_timer timer_;
  std::vector<entry> all_;
  std::size_t next_ = 0;  ///< where the search begins
  std::uint64_t attempts_ = 0;
  std::error_code last_;  ///< why the last attempt has failed
};

/// A pool for each thread. Any thread.
class http2_pools {
 public:
  explicit http2_pools(const http2_options& o, const reuse_limits& l = {});
  std::shared_ptr<http2_pool> of(const asio::any_io_executor& executor);

 private:
  const http2_options options_;
  const reuse_limits limits_;
  const std::shared_ptr<spaced_dials> dials_;
  thread_pools<http2_pool> pools_;
};

}  // namespace muxpro::proxy
