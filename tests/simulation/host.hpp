// A session at one end of a link, with what is known of its life.
#pragma once

#include "link.hpp"
#include "plan.hpp"
#include "wire_rules.hpp"

#include <muxpro/session.hpp>

#include <functional>
#include <memory>
#include <optional>

namespace simulation {

class host : public std::enable_shared_from_this<host> {
 public:
  host(world& w, std::uint64_t name, std::shared_ptr<link> l, int side, muxpro::role r,
       muxpro::session_options o, bool lenient);

  void run();
  void open(muxpro::open_request request, std::function<void(error_code, muxpro::sub_stream)> opened);
  /// Hands over each sub-stream that comes, with pauses in between.
  void accept(std::function<void(muxpro::sub_stream)> accepted, unsigned pause_percent, duration pause);
  /// Ends the session; with `drain` after its last sub-stream.
  void leave(bool drain);

  /// After each handler.
  void check() const;
  void check_at_rest();
  /// All sub-streams are gone.
  void check_result() const;
  void forget_session() { session_ = muxpro::session(); }

  /// Set when a full queue has held up the session for its whole grace.
  void notes_holding_up(std::shared_ptr<bool> where) { held_up_ = std::move(where); }
  /// Its only sub-stream ends it.
  void ends_with_its_stream() noexcept { excused_ = true; }
  /// The peer is known to break rules, or the network: the session may end at any time.
  void faces_vandal() noexcept {
    excused_ = true;
    rules_->mistrust_peer();
  }
  bool over() const noexcept { return fate_.has_value(); }
  bool wire_free() const { return !link_->write_waits(side_); }
  bool reads() const { return link_->read_waits(side_); }
  const link& wire() const noexcept { return *link_; }
  muxpro::session& session() noexcept { return session_; }
  std::string describe() const;

 private:
  void accept_next();
  bool may_pause();

  world& world_;
  std::uint64_t name_;
  std::shared_ptr<link> link_;
  int side_;
  std::shared_ptr<wire_rules> rules_;
  bool mux_cool_;
  duration grace_;
  std::uint64_t most_unread_;
  muxpro::session session_;
  std::optional<error_code> fate_;
  std::shared_ptr<bool> held_up_;
  std::optional<duration> paused_since_;
  std::uint64_t progress_ = 0;
  bool excused_, leaving_ = false;
  std::function<void(muxpro::sub_stream)> accepted_;
  unsigned pause_percent_ = 0;
  duration pause_{};
  dice random_;
};

}  // namespace simulation
