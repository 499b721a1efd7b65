// The rules of one session, for both roles. They decide what a frame means, what it costs and how it is
// answered. Ring 1.
//
// The driver feeds decoded frames and time, and acts on the event. Answers go to the write queue
// by themselves. Errors of structure close the session, errors of meaning end the sub-stream, and oddities
// are counted against a budget (see Errors in codec.hpp).
#pragma once

#include <muxpro/detail/dialect_rules.hpp>
#include <muxpro/detail/id_quarantine.hpp>
#include <muxpro/detail/recv_window.hpp>
#include <muxpro/detail/stream_table.hpp>
#include <muxpro/detail/token_bucket.hpp>
#include <muxpro/detail/write_queue.hpp>
#include <muxpro/stats.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace muxpro::detail {

/// The state of one sub-stream by the frames of both sides. The driver derives its own state from it.
class stream_rules : public write_queue::source {
 public:
  stream_rules(stream_id stream, network n, std::uint8_t p, time_point now,
               std::uint32_t room = initial_window) noexcept
      : id(stream), net(n), window(room), opened_at(now), active_at(now) {
    priority = p;
  }

  const stream_id id;
  const network net;
  bool local_ended = false;   ///< our End is queued or sent
  bool remote_ended = false;  ///< the peer's End has come
  bool aborted = false;       ///< by either side, so no more bytes are delivered
  bool end_held = false;      ///< our End(0) waits for the peer's, see dialect_rules::holds_end
  bool listed = false;        ///< in the table
  recv_window window;
  time_point opened_at;
  time_point active_at;  ///< last frame in either direction

  /// Both directions have ended.
  bool finished() const noexcept { return aborted || (local_ended && remote_ended); }

 protected:
  ~stream_rules() = default;
};

/// The numerically highest version in both lists.
std::optional<version> choose_version(const std::vector<version>& offered, const std::vector<version>& known);

/// How many Ends there were, by code. A session sees few codes.
class end_counts {
 public:
  void count(end_code c) {
    for (auto& [code, n] : seen_)
      if (code == c) return static_cast<void>(++n);
    seen_.emplace_back(c, 1);
  }
  std::map<end_code, std::uint64_t> by_code() const { return {seen_.begin(), seen_.end()}; }

 private:
  std::vector<std::pair<end_code, std::uint64_t>> seen_;
};

class protocol {
 public:
  enum class event_type {
    nothing,   ///< no action, announced data is discarded
    failed,    ///< close the session with `error`
    opened,    ///< a New, create the sub-stream, insert() it, then receive_data()
    data,      ///< announced data belongs to `stream`
    dropped,   ///< a datagram of `stream` beyond the credit, only it is lost
    full,      ///< announced data has to wait until `stream` has room for it, then call receive_data() again
    credit,    ///< `amount` more bytes may be sent on `stream`
    ended,     ///< the peer's End(0): `stream` reads to its end
    closed,    ///< the same, and it writes no more, because the End was answered
    aborted,   ///< the peer's End(`code`), drop what is queued
    violated,  ///< the peer broke a rule: `stream` was ended with code 3
  };

  struct event {
    event_type what = event_type::nothing;
    stream_rules* stream = nullptr;
    std::uint64_t amount = 0;
    end_code code = end_code::graceful;
    errc error = errc::session_closed;
  };

  protocol(role side, const session_options& options, write_queue& queue);

  void agreed(dialect d) noexcept {
    dialect_ = d;
    wire_ = &rules_of(d);
    queue_.speaks(d);
  }
  dialect peer_dialect() const noexcept { return dialect_; }
  const dialect_rules& wire() const noexcept { return *wire_; }
  /// From now on every New is answered with End(4) (server), allocate_id() fails (client).
  void drain() noexcept { draining_ = true; }
  bool draining() const noexcept { return draining_; }

  /// Returns the reaction to a frame after the negotiation. The data of `opened` are decided by
  /// receive_data().
  event receive(const frame& f, time_point now);
  /// Counts announced data of a frame for `s` against the window, before the first byte is stored.
  event receive_data(stream_rules& s, std::uint64_t n, time_point now);
  /// Answers a New that the driver cannot take (backlog, memory).
  event refuse(stream_id id, end_code code, time_point now);

  /// Something odd that the rules cannot see, as a badly prefixed datagram.
  event report_glitch(time_point now) { return count_glitch(now); }

  /// Sets `id` to the client's next free id, or fails with errc::draining or too_many_streams.
  std::error_code allocate_id(stream_id& id) noexcept;
  void insert(stream_rules& s);
  /// Our End(0), once. It may be held back until the peer's End or send_held_end().
  void finish(stream_rules& s);
  void send_held_end(stream_rules& s);
  /// Our End(code) unless we ended already, and the end of the sub-stream for this side.
  void abort(stream_rules& s, end_code code);
  /// Takes a sub-stream that is finished() out of the table. Its id waits for the peer's End if need be.
  void release(stream_rules& s, time_point now);

  /// Counts a data frame that was sent, which allows the peer ten CreditUpdates.
  void data_frame_sent() noexcept { ++data_frames_sent_; }
  void expire(time_point now) { quarantine_.expire(now); }
  /// Without sub-streams what was kept for the next one is freed.
  void free_memory() noexcept { table_.free_memory(); }
  /// Frees what is known of ids of which no frame can be late any more. Returns when there will be more.
  time_point forget(time_point now) noexcept;
  time_point next_expiry() const { return quarantine_.next_expiry(); }

  stream_table<stream_rules>& streams() noexcept { return table_; }
  const stream_table<stream_rules>& streams() const noexcept { return table_; }
  bool id_known(stream_id id) const { return table_.find(id) || quarantine_.contains(id); }
  /// Sub-streams whose objects still exist. The driver counts.
  std::uint32_t in_use = 0;

  std::uint64_t opened() const noexcept { return opened_; }
  void report(session_stats& out) const;

 private:
  event on(const new_stream& f, time_point now);
  event on(const keep& f, time_point now);
  event on(const end& f, time_point now);
  event unknown_end(stream_id id, time_point now);
  event on(const credit_update& f, time_point now);
  event on(const keep_alive& f, time_point now);
  event on(const negotiate_version& f, time_point now);
  event unknown_keep(stream_id id, time_point now);
  event peer_aborts(stream_rules& s, end_code code, time_point now);
  event violation(stream_rules& s, time_point now);
  event count_glitch(time_point now, double weight = 1);
  static event fail(errc why) noexcept { return {event_type::failed, nullptr, 0, {}, why}; }
  bool charge_reset(time_point now);
  void send_end(stream_id id, end_code code, bool provoked);
  bool queue_flooded() const noexcept { return queue_.provoked() > options_.control_queue; }

  const role role_;
  const session_options& options_;
  write_queue& queue_;
  dialect dialect_ = dialect::spec;
  const dialect_rules* wire_ = &rules_of(dialect::spec);
  bool draining_ = false;
  stream_id next_id_ = 1;
  stream_table<stream_rules> table_;
  quarantine quarantine_;
  recent_ids freed_;     // both Ends were seen, so late frames are odd, not wrong
  recent_ids answered_;  // unknown ids that got their End(3)

  token_bucket premature_ends_, local_resets_, glitches_, keep_alives_, empty_frames_;
  std::uint64_t resets_ = 0;
  std::uint64_t credit_updates_ = 0;
  std::uint64_t data_frames_sent_ = 0;
  std::uint64_t opened_ = 0, refused_ = 0, glitch_count_ = 0;
  end_counts ends_sent_, ends_received_;
};

}  // namespace muxpro::detail

#if !defined(MUXPRO_SEPARATE_COMPILATION)
#include <muxpro/impl/protocol.ipp>
#endif
