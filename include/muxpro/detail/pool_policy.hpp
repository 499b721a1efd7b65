// pool_policy, the rules of a client pool. They decide which connection an open goes to, when to dial, which
// opens fail with a dial, and when a connection retires. Ring 1.
//
// The driver reports events with their time. It then calls next_overdue(), next_retired(), pick() and
// next_dial(), in this order, each until it returns nothing.
#pragma once

#include <muxpro/client_pool_options.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

namespace muxpro::detail {

class pool_policy {
 public:
  using connection_id = std::uint64_t;

  /// Some of the waiting opens in the order of their coming: `count` behind the first `skip`.
  struct share {
    std::size_t skip = 0;
    std::size_t count = 0;
  };
  struct overdue_dial {
    connection_id id = 0;
    share fails;
  };

  /// A connection that is lost or refuses before this age is as bad as a failed dial.
  static constexpr duration young = std::chrono::seconds(1);
  /// A server that drains answers every New with code 4. A server that is short of resources does it now and
  /// then.
  static constexpr std::uint32_t refusals_in_a_row = 3;

  pool_policy(const client_pool_options& options, std::uint64_t seed)
      : options_(options), random_(static_cast<std::minstd_rand::result_type>(seed)) {}

  // --- opens
  bool may_wait() const noexcept { return waiting_ < options_.max_waiting; }
  void waits() noexcept { ++waiting_; }
  /// `n` opens wait no longer, because they were served, failed or cancelled.
  void waited(std::size_t n = 1) noexcept { waiting_ -= n; }
  /// The least loaded connection with room. The oldest of equals, so that the others fall idle after a burst.
  std::optional<connection_id> pick() const noexcept;
  /// Returns whether no connection has room and no connection may be added.
  bool full() const noexcept;
  /// Returns true if that was its last sub-stream. next_retired() returns the connection then.
  bool opened(connection_id c);
  void stream_gone(connection_id c, time_point now, bool refused);

  // --- dials
  /// Returns a connection that must be dialled. There is one dial for each max_concurrency waiting opens.
  /// After a failure there is one dial at a time, and not before the backoff is over. A dial never begins
  /// sooner than dial_spacing after the last one.
  std::optional<connection_id> next_dial(time_point now);
  /// Returns false if the connection is not needed any more.
  bool connected(connection_id c, time_point now);
  /// The dial has ended without a connection.
  share dial_failed(connection_id c, time_point now);
  /// A dial beyond dial_timeout. It counts as a connection until dial_failed() or connected() is called.
  std::optional<overdue_dial> next_overdue(time_point now);

  // --- ends
  /// Takes the connection out of the picker. next_retired() returns it.
  void retire(connection_id c);
  /// Takes the connection out of the picker. The caller calls lost() later.
  void exclude(connection_id c);
  /// The next one that has left the picker and must be drained, then closed.
  std::optional<connection_id> next_retired(time_point now);
  /// It is gone, expected or not.
  share lost(connection_id c, time_point now);
  /// Retires all connections and stops dialing.
  void drain();

  /// When to ask again if no event comes before.
  time_point next_deadline() const noexcept;

  std::size_t waiting() const noexcept { return waiting_; }
  std::size_t dialing() const noexcept { return count(state::dialing); }
  std::size_t live() const noexcept { return count(state::live); }
  /// Failures in a row, 0 after a success.
  std::uint32_t failures() const noexcept { return failures_; }

 private:
  enum class state { dialing, overdue, live, retired, draining, excluded };

  struct connection {
    connection_id id = 0;
    state is = state::dialing;
    time_point since{};  ///< dialled, then connected
    time_point dialled{};
    time_point idle_since{};  ///< meaningful without load
    duration age_limit{};
    std::uint32_t load = 0;
    std::uint32_t opened = 0;
    std::uint32_t refusals = 0;         ///< in a row
    std::uint32_t failures_before = 0;  ///< in a row, before this one was connected
  };

  connection* find(connection_id c) noexcept;
  void erase(connection_id c) noexcept;
  std::size_t count(state s) const noexcept;
  /// What a new connection can take.
  std::size_t room() const noexcept { return std::min(options_.max_concurrency, options_.max_reuse); }
  std::size_t room_left(const connection& c) const noexcept;
  time_point retires_at(const connection& c) const noexcept;
  bool dial_wanted() const noexcept;
  /// The backoff is over, and the last dial began dial_spacing ago.
  time_point may_dial_at() const noexcept { return std::max(next_dial_, spaced_until_); }
  bool counts(const connection& c) const noexcept {
    return c.is == state::dialing || c.is == state::overdue || c.is == state::live;
  }
  share share_of_failed() const noexcept;
  bool counts_as_failure(const connection& c, time_point now) const noexcept;
  void note_failure(const connection& c, time_point now);
  double chance(double least, double most);

  const client_pool_options& options_;
  std::minstd_rand random_;
  std::vector<connection> connections_;  ///< by id, which is by age
  connection_id last_id_ = 0;
  std::size_t waiting_ = 0;
  std::uint32_t failures_ = 0;
  time_point last_failure_ = time_point::min();
  time_point next_dial_ = time_point::min();
  time_point spaced_until_ = time_point::min();
  bool draining_ = false;
};

}  // namespace muxpro::detail

#if !defined(MUXPRO_SEPARATE_COMPILATION)
#include <muxpro/impl/pool_policy.ipp>
#endif
