// The addresses of this machine, which may change while it runs. Ring 4, a rule. Thread-safe.
#pragma once

#include <asio/ip/address.hpp>

#include <algorithm>
#include <mutex>
#include <shared_mutex>
#include <utility>
#include <vector>

namespace muxpro::proxy {

class own_addresses {
 public:
  /// `others` are addresses under which other hosts reach this machine though no interface has them, such as
  /// that of a NAT in front of it.
  explicit own_addresses(std::vector<asio::ip::address> others = {}) : others_(std::move(others)) {}

  /// Those of the interfaces, from now on.
  void set(std::vector<asio::ip::address> of_interfaces) {
    const std::unique_lock lock(mutex_);
    of_interfaces_ = std::move(of_interfaces);
  }
  /// Whether `a` leads to this machine. All of the loopback does, and the unspecified address, which the
  /// kernel takes for the loopback.
  bool contains(const asio::ip::address& a) const {
    if (a.is_loopback() || a.is_unspecified()) return true;
    const std::shared_lock lock(mutex_);
    return has(of_interfaces_, a) || has(others_, a);
  }

 private:
  static bool has(const std::vector<asio::ip::address>& all, const asio::ip::address& a) {
    return std::find(all.begin(), all.end(), a) != all.end();
  }

  mutable std::shared_mutex mutex_;
  std::vector<asio::ip::address> of_interfaces_;
  const std::vector<asio::ip::address> others_;
};

}  // namespace muxpro::proxy
