// query_scheduler: users take turns at looking up names, each with a limit. Ring 4, a rule without
// I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace muxpro::proxy {

struct query_scheduler_bounds {
  /// Names under way at a time. One takes a socket or two and 75 kB in c-ares.
  std::size_t under_way = 128;
  /// Those of one user. A page of a browser names about 30 hosts.
  std::size_t of_user = 32;
  /// Look-ups of one user that wait for their turn.
  std::size_t waiting_of_user = 2048;
};

/// Look-ups of one name share one query, which takes a place of a user that waits for it.
class query_scheduler {
 public:
  using ticket = std::uint64_t;

  explicit query_scheduler(query_scheduler_bounds bounds = {}) : bounds_(bounds) {}

  /// Returns nothing if too many look-ups of this user wait.
  std::optional<ticket> ask(const std::string& name, const std::string& user);
  /// Whether a query of the name is under way.
  bool is_under_way(const std::string& name) const;
  /// Whether a look-up of the name waits for its turn, or for its query.
  bool is_asked(const std::string& name) const { return queries_.contains(name); }
  /// Returns the name whose query begins now, which is the first one of the user whose turn it is. The user
  /// without a name, which is this program itself, does not wait for others, because their queries may wait
  /// for its own.
  std::optional<std::string> next();
  /// A look-up is not wanted any more. Returns the name whose query ends with it.
  std::optional<std::string> give_up(ticket t);
  /// Ends the query of `name`. Returns the look-ups that have waited for it, and frees their places.
  std::vector<ticket> finish(const std::string& name);
  /// Returns the user whose place the query of `name` takes. Empty if no such query is under way.
  std::string user_of(const std::string& name) const;

  std::size_t under_way() const noexcept { return under_way_; }
  /// Look-ups that wait for their query to begin.
  std::size_t waiting() const noexcept { return waiting_; }
  /// What is kept about users, for tests.
  std::size_t users() const noexcept { return users_.size(); }

 private:
  struct user {
    std::list<ticket> queue;
    std::size_t look_ups = 0, under_way = 0;
    bool has_turn = false;  ///< stands in turns_
  };
  using user_entry = std::map<std::string, user>::iterator;
  struct query {
    std::list<ticket> askers;
    std::optional<user_entry> charged;  ///< without a value if it has not begun
  };
  using query_entry = std::map<std::string, query>::iterator;
  struct look_up {
    query_entry query;
    user_entry user;
    std::list<ticket>::iterator asker, queued;
    bool waits = false;
  };

  void leave_queue(look_up& l);
  void forget(user_entry u);
  std::optional<std::string> leave_query(query_entry q);
  void end(query_entry q);
  void charge(query& q, user_entry u);
  void uncharge(query& q);
  void charge_another(query& q);

  query_scheduler_bounds bounds_;
  ticket last_ = 0;
  std::map<std::string, query> queries_;
  std::map<std::string, user> users_;
  std::unordered_map<ticket, look_up> look_ups_;
  std::list<user_entry> turns_;  ///< users with a queue, the next one first
  std::size_t under_way_ = 0, waiting_ = 0;
};

}  // namespace muxpro::proxy
