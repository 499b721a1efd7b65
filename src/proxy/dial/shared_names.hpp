// What the threads of a resolver share. Ring 4.
#pragma once

#include "proxy/dial/resolver.hpp"
#include "proxy/dial/system_names.hpp"
#include "proxy/names/name_cache.hpp"
#include "proxy/names/name_rules.hpp"

#include <atomic>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// Any thread, but for `pinned`, which is complete before the first look-up.
struct shared_names {
  explicit shared_names(name_sources from) : system(std::move(from)) {}

  std::optional<name_answer> cached(std::string_view name);
  void remember(const std::string& name, const std::string& user, const name_answer& answer, duration ttl);
  /// Without a server: pinned, in the hosts file, or a name of this machine.
  std::optional<name_answer> without_query(std::string_view name);

  /// The servers for a name, in their order; those of the system are one of them.
  std::vector<std::size_t> servers_for(std::string_view name) const;
  /// What a query to one of them needs.
  dns_servers server(std::size_t n);
  bool wants_ipv4() const noexcept { return !rules || rules->family() != name_family::ipv6; }
  bool wants_ipv6();

  std::map<std::string, resolver::addresses> pinned;
  std::shared_ptr<const name_rules> rules;  ///< null: the system's servers are asked
  system_names system;
  std::atomic<std::size_t> under_way{0}, waiting{0};
  std::size_t entries() {
    const std::lock_guard lock(mutex_);
    return cache_.size();
  }

 private:
  std::mutex mutex_;
  name_cache cache_;
};

}  // namespace muxpro::proxy
