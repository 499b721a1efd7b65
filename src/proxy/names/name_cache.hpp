// Answers about names for as long as they hold. Ring 4, a rule without I/O and clock.
#pragma once

#include "proxy/names/name_answer.hpp"

#include <muxpro/options.hpp>

#include <chrono>
#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace muxpro::proxy {

struct name_cache_bounds {
  /// 4,096 names of 32 addresses take about 5 MiB.
  std::size_t entries = 4096;
  /// A user that holds this many replaces its own oldest ones while the cache is full.
  std::size_t of_user = 256;
  /// Of one name. A dial opens at most 8, after the policy has refused some.
  std::size_t addresses = 32;
  /// Servers that balance load set a TTL of 0. One query a second for each such name is enough.
  duration shortest = std::chrono::seconds(1);
  /// RFC 8767 section 4 allows a week. An operator who moves a service with a long TTL waits an hour at most.
  duration longest = std::chrono::hours(1);
  /// RFC 2308 section 5 has hours at most. A name that was registered a moment ago is found soon.
  duration not_there = std::chrono::seconds(10);
  /// RFC 2308 section 7 allows 5 minutes. A lost packet must not count for long.
  duration failed = std::chrono::seconds(2);
};

class name_cache {
 public:
  explicit name_cache(name_cache_bounds bounds = {}) : bounds_(bounds) {}

  /// Returns null if the cache has no answer at this time.
  const name_answer* find(std::string_view name, time_point now);
  /// Returns addresses whose time is over, and which may serve until there are others (RFC 8767). Null
  /// without such addresses.
  const name_answer* find_stale(std::string_view name, time_point now);
  /// `user` is the user of the look-up. `ttl` and `stale` count for addresses alone. `stale` is how long they
  /// may serve when their time is over. A failed query does not replace those.
  void put(const std::string& name, const std::string& user, name_answer answer, duration ttl, time_point now,
           duration stale = duration(0));
  std::size_t size() const noexcept { return by_name_.size(); }

 private:
  struct entry;
  using entries = std::list<entry>;
  struct entry {
    std::string name, user;
    name_answer answer;
    time_point until, stale_until;
    std::list<entries::iterator>::iterator of_user;
  };

  duration lifetime(const name_answer& answer, duration ttl) const;
  bool keeps_stale(const std::string& name, const name_answer& next, time_point now);
  void make_room(const std::string& user);
  void remove(entries::iterator e);

  const name_cache_bounds bounds_;
  entries oldest_first_;
  std::unordered_map<std::string_view, entries::iterator> by_name_;  // the entries' own names
  std::unordered_map<std::string, std::list<entries::iterator>> by_user_;
};

}  // namespace muxpro::proxy
