// nat_table, which maps UDP sub-streams to outside ports for a limited time. Ring 4, a rule without I/O and
// clock.
#pragma once

#include <muxpro/frame.hpp>
#include <muxpro/options.hpp>
#include <muxpro/proxy/datagram_counts.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// 0 means no limit.
inline rate_limit datagrams_in_a_second(std::uint32_t n) {
  return {n, std::max(1.0, static_cast<double>(n))};
}

struct nat_limits {
  /// Mappings in use by one session. Beyond it the least recently used one of the session ends.
  std::size_t per_session = 256;
  /// Mappings of one user, parked ones included (sing udpnat2: 1024).
  std::size_t per_user = 1024;
  /// Without a datagram (RFC 4787 REQ-5: 2 min).
  duration idle = std::chrono::seconds(120);
  /// How long a mapping with a GlobalID outlives its sub-stream (Xray: 60 s).
  duration resume = std::chrono::seconds(60);
  /// Datagrams that a user may send outside in a second. More are dropped, so that a user cannot amplify much
  /// by this server. A burst of 0 means no limit.
  rate_limit user_datagrams = datagrams_in_a_second(200'000);
  /// UDP ports to refuse, such as "19,1900,11211". Their services answer short requests with much
  /// data (CISA TA14-017A).
  std::string refused_ports;

  /// Empty if every value makes sense, else one sentence that names the option and its bounds.
  std::string validate() const;
};

/// A mapping belongs to a user. It is in use by one sub-stream of one session, or parked, that is kept for a
/// sub-stream of the same user with the same GlobalID.
class nat_table {
 public:
  using mapping = std::uint64_t;
  using session_key = std::uint64_t;

  explicit nat_table(nat_limits limits) : limits_(limits) {}

  struct admitted {
    mapping id = 0;
    /// It was there before, parked or in use by another sub-stream, which loses it.
    bool resumed = false;
    bool was_parked = false;
    /// Those that had to go for it.
    std::vector<mapping> evicted;
  };
  /// A sub-stream wants a mapping. Without a GlobalID it is always a new one.
  admitted admit(const std::string& user, session_key session, const std::optional<global_id>& source,
                 time_point now);
  /// A datagram went through.
  void touch(mapping id, time_point now);
  /// Called when its sub-stream has ended. Returns true if it is parked now, false if it is gone.
  bool release(mapping id, time_point now);
  /// It is gone, whatever it was.
  void remove(mapping id);
  /// Takes out and returns what has been idle or parked for too long.
  std::vector<mapping> expire(time_point now);
  /// Returns the earliest time at which expire() has to be called again, or max() if never.
  time_point next_expiry() const;

  std::size_t size() const noexcept { return entries_.size(); }
  std::size_t of_user(const std::string& user) const;
  std::size_t of_session(session_key session) const;

 private:
  using order = std::list<mapping>;  ///< least recently used first
  using key = std::pair<std::string, global_id>;
  struct entry {
    std::string user;
    session_key session = 0;
    std::optional<global_id> source;
    bool parked = false;
    time_point used_at{};
    order::iterator in_all, in_user, in_session;
  };

  void insert(mapping id, entry given);
  void erase(mapping id);
  void resume(mapping id, entry& e, session_key session);
  void leave_session(entry& e);
  void refresh(entry& e, time_point now);
  time_point deadline(const entry& e) const;

  nat_limits limits_;
  mapping next_ = 1;
  std::unordered_map<mapping, entry> entries_;
  std::map<key, mapping> by_source_;
  order in_use_, parked_;
  std::unordered_map<std::string, order> users_;
  std::unordered_map<session_key, order> sessions_;
};

}  // namespace muxpro::proxy
