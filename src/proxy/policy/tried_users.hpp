// tried_users, which finds the user whose key opens a message. Earlier users of the same source are tried
// first. Ring 4, a rule.
#pragma once

#include "proxy/policy/accounts.hpp"

#include <asio/ip/address.hpp>

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

namespace muxpro::proxy {

/// Thread-safe.
class tried_users {
 public:
  explicit tried_users(accounts all) : all_(std::move(all)) {}

  /// `opens(key)` returns whether it is the user with this key. Returns nothing if no user has sent it.
  template <class Opens>
  std::optional<accounts::tried_user> find(const asio::ip::address& source, Opens opens) {
    const auto list = all_.tried();
    const std::size_t before = index_of(source);
    if (before < list->size() && opens((*list)[before].key)) return (*list)[before];
    for (std::size_t i = 0; i < list->size(); ++i) {
      if (i == before || !opens((*list)[i].key)) continue;
      remember(source, i);
      return (*list)[i];
    }
    return std::nullopt;
  }

 private:
  /// Sources that are remembered.
  static constexpr std::size_t most = 16 * 1024;
  static constexpr std::size_t none = ~std::size_t{0};

  std::size_t index_of(const asio::ip::address& source) {
    const std::lock_guard lock(mutex_);
    const auto found = last_.find(source);
    return found == last_.end() ? none : found->second;
  }
  void remember(const asio::ip::address& source, std::size_t index) {
    const std::lock_guard lock(mutex_);
    if (last_.size() == most) last_.clear();
    last_[source] = index;
  }

  const accounts all_;
  std::mutex mutex_;
  std::map<asio::ip::address, std::size_t> last_;
};

}  // namespace muxpro::proxy
