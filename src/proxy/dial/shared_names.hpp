// shared_names: the state that the threads of a resolver share. Ring 4.
#pragma once

#include "proxy/dial/doh_server.hpp"
#include "proxy/dial/name_query.hpp"
#include "proxy/dial/resolver.hpp"
#include "proxy/dial/system_names.hpp"
#include "proxy/names/name_cache.hpp"
#include "proxy/names/name_rules.hpp"

#include <asio/any_io_executor.hpp>

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

class dispatcher;

/// Any thread, but for what is complete before the first look-up.
struct shared_names {
  explicit shared_names(name_sources from) : sources(from), system(std::move(from)) {}

  struct cached_answer {
    name_answer answer;
    bool stale = false;  ///< it may serve, and is to be asked for again
  };
  std::optional<cached_answer> cached(std::string_view name);
  void remember(const std::string& name, const std::string& user, const name_answer& answer, duration ttl,
                std::size_t server);
  /// Returns answers that need no server, which are pinned, of "hosts", in the hosts file, or a name of this
  /// machine.
  std::optional<name_answer> without_query(std::string_view name);

  /// The servers for a name, in their order.
  std::vector<std::size_t> servers_for(std::string_view name) const;
  const dns_server_options& server(std::size_t n) const { return rules->server(n); }
  bool is_system(std::size_t n) const { return !rules || server(n).transport == dns_transport::system; }
  bool asks_in_parallel() const { return rules && rules->parallel(); }
  /// The addresses that a server is asked for.
  name_families families(std::size_t server);
  /// Returns the dispatcher of the executor's context, or null without one.
  dispatcher* dispatcher_of(const asio::any_io_executor& executor);
  void add_dispatcher(dispatcher& to);

  const name_sources sources;
  std::map<std::string, resolver::addresses> pinned;
  std::shared_ptr<const name_rules> rules;                 ///< null if the system's servers are asked
  std::map<std::size_t, std::unique_ptr<doh_server>> doh;  ///< by the index of their server
  system_names system;
  std::atomic<std::size_t> under_way{0}, waiting{0};
  std::size_t entries() {
    const std::lock_guard lock(mutex_);
    return cache_.size();
  }

 private:
  std::mutex mutex_;
  name_cache cache_;
  std::map<const void*, dispatcher*> doors_;  ///< by their contexts
};

}  // namespace muxpro::proxy
