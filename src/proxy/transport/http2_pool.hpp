// The HTTP/2 connections of a client to one place. Ring 4.
#pragma once

#include "proxy/transport/http2_connection.hpp"

#include <muxpro/proxy/transport.hpp>
#include <muxpro/semaphore.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <system_error>
#include <unordered_map>
#include <vector>

namespace muxpro::proxy {

/// A connection of a client that runs by itself. It keeps `owner` as long as it lives.
std::shared_ptr<http2_connection> start_http2_client(std::shared_ptr<connection> below,
                                                     const http2_options& o,
                                                     std::shared_ptr<const void> owner = nullptr);

/// Those of one thread. Belongs to its strand.
class http2_pool : public std::enable_shared_from_this<http2_pool> {
 public:
  http2_pool(const asio::any_io_executor& executor, const http2_options& o)
      : options_(o), turn_(executor, 1) {}

  /// Returns one that takes a request, a new one if need be, which `below` dials. One is dialled at a time.
  /// Completes when there is one.
  /// Errors: those of `below`, which those share that have waited for it. It returns null then.
  /// Cancellation (terminal): operation_aborted.
  asio::awaitable<std::shared_ptr<http2_connection>> get(transport::opener below, std::error_code& ec);

 private:
  std::shared_ptr<http2_connection> usable();
  asio::awaitable<void> dial(transport::opener& below, std::error_code& ec);

  const http2_options options_;
  semaphore turn_;
  std::vector<std::weak_ptr<http2_connection>> all_;
  std::uint64_t attempts_ = 0;
  std::error_code last_;  ///< why the last attempt has failed
};

/// A pool for each thread. Any thread. What runs in a thread keeps its pool.
class http2_pools {
 public:
  explicit http2_pools(const http2_options& o) : options_(o) {}
  std::shared_ptr<http2_pool> of(const asio::any_io_executor& executor);

 private:
  const http2_options options_;
  std::mutex mutex_;
  std::unordered_map<const void*, std::weak_ptr<http2_pool>> by_context_;
};

/// The connections of a server. Any thread.
class http2_servers {
 public:
  void add(const std::shared_ptr<http2_connection>& c);
  /// From now on they accept no stream, and end behind their last one. So do those that come later.
  void drain();

 private:
  std::mutex mutex_;
  std::vector<std::weak_ptr<http2_connection>> all_;
  bool draining_ = false;
};

}  // namespace muxpro::proxy
