// Connections that end behind what is under way when their owner drains. Ring 4.
#pragma once

#include <asio/post.hpp>

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

namespace muxpro::proxy {

/// Any thread. drain() of those that it has runs on their own executors.
template <class Served>
class drained_set {
 public:
  /// Once or several times.
  void add(const std::shared_ptr<Served>& one) {
    const std::lock_guard lock(mutex_);
    std::erase_if(all_, [](const auto& w) { return w.expired(); });
    if (std::none_of(all_.begin(), all_.end(), [&](const auto& w) { return w.lock() == one; }))
      all_.push_back(one);
    if (draining_) drain_there(one);
  }
  /// Drains all members, and those that are added later.
  void drain() {
    const std::lock_guard lock(mutex_);
    draining_ = true;
    for (const auto& w : all_)
      if (const auto one = w.lock()) drain_there(one);
  }

 private:
  static void drain_there(const std::shared_ptr<Served>& one) {
    asio::post(one->get_executor(), [one] { one->drain(); });
  }

  std::mutex mutex_;
  std::vector<std::weak_ptr<Served>> all_;
  bool draining_ = false;
};

}  // namespace muxpro::proxy
