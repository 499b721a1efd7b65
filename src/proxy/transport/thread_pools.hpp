// One pool of connections for each thread. Ring 4.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/execution/context.hpp>

#include <memory>
#include <mutex>
#include <unordered_map>

namespace muxpro::proxy {

/// Any thread. What runs in a thread keeps its pool.
template <class Pool>
class thread_pools {
 public:
  /// That of the executor's thread, or what `make` returns.
  template <class Make>
  std::shared_ptr<Pool> of(const asio::any_io_executor& executor, Make make) {
    const std::lock_guard lock(mutex_);
    std::erase_if(by_context_, [](const auto& one) { return one.second.expired(); });
    auto& place = by_context_[&asio::query(executor, asio::execution::context)];
    auto pool = place.lock();
    if (!pool) place = pool = make();
    return pool;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<const void*, std::weak_ptr<Pool>> by_context_;
};

}  // namespace muxpro::proxy
