// One side of a conversation: what an application does with its sub-stream, and what it must see.
#pragma once

#include "world.hpp"

#include <muxpro/sub_stream.hpp>

#include <asio/bind_cancellation_slot.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace simulation {

enum class ending { shutdown, close, reset, destroy };
/// The end of what comes is waited for, not a number of bytes.
inline constexpr auto until_eof = ~std::uint64_t{0};

struct habits {
  std::uint64_t to_send = 0;  ///< an echo: what has come
  bool echo = false;
  bool any_content = false;     ///< what comes is not looked at
  std::uint64_t waits_for = 0;  ///< bytes, or their end, that come before it shuts down
  std::size_t write_most = 16384, read_most = 16384;
  unsigned pause_percent = 0;   ///< of the operations are followed by a pause
  duration pause{};             ///< at most
  unsigned cancel_percent = 0;  ///< of the operations are given up after a while
  /// Not shutdown: what it does once it has sent `cut_at` bytes.
  ending how = ending::shutdown;
  std::uint64_t cut_at = 0;
};

/// What both sides and the network share. It may fail once it is excused.
struct conversation {
  explicit conversation(std::uint64_t t) : tag(t) {}
  const std::uint64_t tag;
  bool excused = false;
  std::shared_ptr<const bool> road_broken;
  bool full_close = false;              ///< Mux.Cool: the End of side 1 ends both directions
  bool relayed = false;                 ///< other sub-streams stand between its sides
  duration grace{};                     ///< for how long a full queue may hold up a main connection
  std::shared_ptr<const bool> held_up;  ///< one was held up for as long as that
  bool may_fail() const { return excused || (road_broken && *road_broken); }
};

class party : public std::enable_shared_from_this<party> {
 public:
  /// Side 0 opens, side 1 accepts.
  party(world& w, std::shared_ptr<conversation> c, int side, habits h);

  void meets(const std::shared_ptr<party>& other) { other_ = other; }
  /// `n` bytes ride in New.
  void says_first(std::uint64_t n) noexcept { offered_ = accepted_ = n; }
  void take(muxpro::sub_stream s);
  /// It will never get a sub-stream.
  void give_up() noexcept { done_ = true; }
  /// All is over, and it may be in the middle of a pause.
  void close_handle() { stream_ = muxpro::sub_stream(); }
  bool done() const noexcept { return done_; }
  bool begun() const noexcept { return begun_; }

  /// What holds at every moment between the two ends of one sub-stream; `at_rest`: and nothing is under way.
  static void check_credit(world& w, const party& from, const party& to, bool at_rest);
  /// The same without credit.
  static void check_queue(world& w, const party& from, const party& to, bool at_rest);
  /// Sees, after each handler, for how long its queue has had no room for a frame.
  void watch_queue();
  /// What holds when nothing is ready and the main connection could take more.
  void check_awake(bool wire_free) const;
  /// What holds when all is over.
  void check_result() const;

  std::uint64_t who() const noexcept { return 2 * talk_->tag + static_cast<unsigned>(side_); }
  const conversation& talk() const noexcept { return *talk_; }
  const muxpro::sub_stream& stream() const noexcept { return stream_; }
  const habits& ways() const noexcept { return habits_; }
  std::string describe() const;

 private:
  void read_next();
  void read_done(error_code ec, std::size_t n);
  void write_next();
  void write_done(error_code ec, std::size_t n);
  void finish_writing();
  void shut_down();
  void cut();
  void failed(const char* what, error_code ec);
  bool queue_was_full() const;
  void settle();
  void pause_or(void (party::*next)(), bool& paused);
  void cancel_later(asio::cancellation_signal& signal, bool& sent);
  std::uint64_t content() const noexcept;

  world& world_;
  std::shared_ptr<conversation> talk_;
  const int side_;
  habits habits_;
  dice random_;
  std::weak_ptr<party> other_;
  muxpro::sub_stream stream_;
  std::vector<std::byte> room_;
  asio::cancellation_signal stop_read_, stop_write_;
  bool begun_ = false, done_ = false;
  bool reading_ = false, writing_ = false, shutting_ = false;
  bool read_paused_ = false, write_paused_ = false;
  bool read_given_up_ = false, write_given_up_ = false;
  bool shut_ = false, cut_ = false, saw_eof_ = false, lost_ = false;
  std::optional<duration> full_since_;
  bool was_full_ = false;
  bool hasty_ = false;  ///< its End came before all was there
  std::uint64_t offered_ = 0, accepted_ = 0, got_ = 0;
  std::uint64_t read_op_ = 0, write_op_ = 0, shutdown_op_ = 0;
};

}  // namespace simulation
