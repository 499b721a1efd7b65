#include "party.hpp"

#include "content.hpp"
#include "memory.hpp"

#include <muxpro/detail/stream_state.hpp>

#include <algorithm>

namespace simulation {

namespace {
/// Longer than every time limit that a session has by default.
constexpr auto party_deadline = 1000s;
constexpr std::uint64_t queue_of_mux_cool = 256 * 1024, longest_frame_of_mux_cool = 8192;

std::uint64_t result_of(error_code ec, std::size_t n) {
  return ec ? 1'000'000'000u + static_cast<unsigned>(ec.value()) : n;
}
}  // namespace

party::party(world& w, std::shared_ptr<conversation> c, int side, habits h)
    : world_(w), talk_(std::move(c)), side_(side), habits_(h), random_(w.fork()) {}

std::uint64_t party::content() const noexcept { return habits_.echo ? 2 * talk_->tag : who(); }

void party::take(muxpro::sub_stream s) {
  world_.expect(!begun_, "party {} got a second sub-stream", who());
  begun_ = true;
  stream_ = std::move(s);
  world_.note("begins", who(), stream_.id());
  read_next();
  write_next();
}

void party::pause_or(void (party::*next)(), bool& paused) {
  if (!random_.chance(habits_.pause_percent)) return (this->*next)();
  paused = true;
  world_.after(random_.time(0ns, habits_.pause), [self = shared_from_this(), next, &paused] {
    paused = false;
    (self.get()->*next)();
    self->settle();
  });
}

void party::cancel_later(asio::cancellation_signal& signal, bool& sent) {
  if (!random_.chance(habits_.cancel_percent)) return;
  world_.after(random_.time(0ns, 20ms), [self = shared_from_this(), &signal, &sent] {
    sent = true;
    signal.emit(asio::cancellation_type::terminal);
  });
}

// --- reading

void party::read_next() {
  if (!stream_.is_open() || reading_ || saw_eof_ || lost_ || cut_) return;
  if (habits_.echo && !shut_ && got_ - accepted_ > 65536) return;  // the writer wakes it
  room_.resize(static_cast<std::size_t>(random_.size(1, habits_.read_most)));
  reading_ = true;
  read_given_up_ = false;
  read_op_ = world_.begin("a read", who(), party_deadline);
  stream_.async_read_some(asio::buffer(room_),
                          asio::bind_cancellation_slot(
                              stop_read_.slot(), [self = shared_from_this()](error_code ec, std::size_t n) {
                                self->read_done(ec, n);
                              }));
  cancel_later(stop_read_, read_given_up_);
}

void party::read_done(error_code ec, std::size_t n) {
  const memory::exempt no_failures;
  world_.end(read_op_);
  world_.note("read", who(), result_of(ec, n));
  reading_ = false;
  world_.expect(ec || n > 0, "party {}: a read of nothing", who());
  const auto other = other_.lock();
  const std::uint64_t tag = other ? other->content() : 2 * talk_->tag + static_cast<unsigned>(1 - side_);
  world_.expect(habits_.any_content || is_said_by(tag, got_, const_bytes(room_).first(n)),
                "party {} reads other bytes than were written", who());
  got_ += n;
  world_.expect(!other || got_ <= other->offered_, "party {} reads more than was written", who());
  if (ec == asio::error::eof) {
    saw_eof_ = true;
    // Its own End, which a client's session sends when it has held it for long enough.
    const bool waited_for = other && other->habits_.waits_for == until_eof;
    const bool own_end = talk_->full_close && shut_ && (side_ == 1 || waited_for || talk_->excused);
    world_.expect(!other || other->shut_ || own_end, "party {} reads eof, and no side has shut down", who());
    hasty_ = hasty_ || (own_end && talk_->excused);
    world_.expect(!other || other->writing_ || got_ == other->accepted_ || hasty_,
                  "party {} reads eof before the last byte", who());
  } else if (ec && !(ec == asio::error::operation_aborted && read_given_up_)) {
    failed("read", ec);
  }
  if ((habits_.echo || habits_.waits_for > 0) && !write_paused_) write_next();
  if (!saw_eof_) pause_or(&party::read_next, read_paused_);
  settle();
}

// --- writing

void party::write_next() {
  if (!stream_.is_open() || writing_ || shut_ || lost_ || cut_) return;
  if (habits_.how != ending::shutdown && accepted_ >= habits_.cut_at) return cut();
  const std::uint64_t all = habits_.echo ? got_ : habits_.to_send;
  if (accepted_ == all) return finish_writing();
  const std::size_t n =
      static_cast<std::size_t>(std::min(all - accepted_, random_.size(1, habits_.write_most)));
  offered_ = accepted_ + n;
  writing_ = true;
  write_given_up_ = false;
  write_op_ = world_.begin("a write", who(), party_deadline);
  const const_bytes data = said_by(content(), accepted_, n);
  stream_.async_write_some(asio::buffer(data.data(), n),
                           asio::bind_cancellation_slot(
                               stop_write_.slot(), [self = shared_from_this()](error_code ec, std::size_t m) {
                                 self->write_done(ec, m);
                               }));
  cancel_later(stop_write_, write_given_up_);
}

void party::write_done(error_code ec, std::size_t n) {
  const memory::exempt no_failures;
  world_.end(write_op_);
  world_.note("written", who(), result_of(ec, n));
  writing_ = false;
  world_.expect(ec || n > 0, "party {}: a write of nothing", who());
  accepted_ += n;
  world_.expect(accepted_ <= offered_, "party {}: more taken than was offered", who());
  if (ec && !(ec == asio::error::operation_aborted && write_given_up_)) failed("write", ec);
  if (habits_.echo && !reading_ && !read_paused_) read_next();
  pause_or(&party::write_next, write_paused_);
  settle();
}

void party::finish_writing() {
  const bool waits = talk_->full_close ? got_ < habits_.waits_for : habits_.echo;
  if (waits && !saw_eof_) return;
  const auto other = other_.lock();
  // The other side may be in the middle of what it sends.
  hasty_ = talk_->full_close && side_ == 1 && !saw_eof_ && other && got_ < other->habits_.to_send;
  if (hasty_) talk_->excused = true;
  shut_down();
}

void party::shut_down() {
  if (std::exchange(shut_, true)) return;
  shutting_ = true;
  world_.note("shuts down", who());
  shutdown_op_ = world_.begin("a shutdown", who(), party_deadline);
  stream_.async_shutdown([self = shared_from_this()](error_code ec) {
    const memory::exempt no_failures;
    self->world_.end(self->shutdown_op_);
    self->world_.note("shut down", self->who(), result_of(ec, 0));
    self->shutting_ = false;
    if (ec) self->failed("shutdown", ec);
    self->settle();
  });
}

void party::cut() {
  cut_ = true;
  talk_->excused = true;
  world_.note("cuts", who(), static_cast<unsigned>(habits_.how));
  if (habits_.how == ending::reset) stream_.reset(static_cast<muxpro::end_code>(random_.between(0, 7)));
  if (habits_.how == ending::reset) return;
  shut_ = true;  // nothing is being written: End(0)
  if (habits_.how == ending::close)
    stream_.close();
  else
    stream_ = muxpro::sub_stream();
}

void party::failed(const char* what, error_code ec) {
  lost_ = true;
  talk_->excused = talk_->excused || queue_was_full();
  world_.expect(talk_->may_fail(), "party {}: a {} fails without a reason: {}", who(), what, ec.message());
}

/// One of its queues was, for as long as a full one may hold up the others. What was opened and not accepted
/// has a queue, too.
bool party::queue_was_full() const {
  if (!talk_->held_up || !*talk_->held_up) return false;
  const auto other = other_.lock();
  return talk_->relayed || was_full_ || !other || !other->begun_ || other->was_full_;
}

/// The sub-stream goes when there is nothing left to do with it.
void party::settle() {
  if (done_ || !begun_ || reading_ || writing_ || shutting_ || read_paused_ || write_paused_) return;
  const bool over = lost_ || cut_ || (saw_eof_ && shut_);
  if (!over) return;
  done_ = true;
  if (lost_ && !shut_) talk_->excused = shut_ = true;
  stream_ = muxpro::sub_stream();
  world_.note("done", who(), got_);
}

// --- what must hold

void party::check_credit(world& w, const party& from, const party& to, bool at_rest) {
  if (from.talk_->may_fail() || !from.stream_.is_open() || !to.stream_.is_open()) return;
  const auto out = from.stream_.stats(), in = to.stream_.stats();
  w.expect(out.sent.bytes >= in.received.bytes, "party {}: more came than was sent", to.who());
  const std::uint64_t flight = out.sent.bytes - in.received.bytes;
  w.expect(out.send_credit + flight + in.unread <= in.receive_window,
           "party {}: more credit than window: {} + {} + {} > {}", from.who(), out.send_credit, flight,
           in.unread, in.receive_window);
  const std::uint64_t granted = muxpro::detail::sub_stream_access::state(to.stream_)->window.granted();
  w.expect(out.sent.bytes + out.send_credit <= granted,
           "party {}: {} sent and {} to send, but only {} granted", from.who(), out.sent.bytes,
           out.send_credit, granted);
  w.expect(in.unread <= in.receive_window, "party {}: more unread than the window holds", to.who());
  if (!at_rest || from.shut_) return;
  w.expect(flight == 0, "party {}: bytes are stuck", from.who());
  w.expect(out.sent.bytes + out.send_credit == granted,
           "party {}: credit is lost: {} sent and {} to send, {} granted", from.who(), out.sent.bytes,
           out.send_credit, granted);
  const std::uint64_t used = out.send_credit + in.unread;
  const std::uint64_t owed = in.receive_window - std::min<std::uint64_t>(used, in.receive_window);
  w.expect(owed < std::min<std::uint64_t>(in.receive_window / 2, 256 * 1024),
           "party {}: a grant is missing, {} are owed: window {}, credit {}, unread {}", from.who(), owed,
           in.receive_window, out.send_credit, in.unread);
}

void party::check_queue(world& w, const party& from, const party& to, bool at_rest) {
  if (from.talk_->may_fail() || !from.stream_.is_open() || !to.stream_.is_open()) return;
  const auto out = from.stream_.stats(), in = to.stream_.stats();
  w.expect(out.sent.bytes >= in.received.bytes, "party {}: more came than was sent", to.who());
  w.expect(in.unread <= queue_of_mux_cool, "party {}: more unread than its queue holds", to.who());
  if (!at_rest || from.shut_ || from.was_full_ || to.was_full_) return;  // it may have been ended
  w.expect(out.sent.bytes == in.received.bytes, "party {}: bytes are stuck", from.who());
}

void party::watch_queue() {
  const bool full =
      stream_.is_open() && stream_.stats().unread + longest_frame_of_mux_cool > queue_of_mux_cool;
  if (full && !full_since_) full_since_ = world_.now();
  if (full_since_ && world_.now() - *full_since_ >= talk_->grace) was_full_ = true;
  if (!full) full_since_.reset();
}

void party::check_awake(bool wire_free) const {
  if (!stream_.is_open()) return;
  const auto s = stream_.stats();
  world_.expect(!reading_ || s.unread == 0, "party {}: a read waits although there are bytes", who());
  if (wire_free && writing_)
    world_.expect(s.send_credit == 0, "party {}: a write waits although there is credit", who());
  if (wire_free) world_.expect(!shutting_, "party {}: a shutdown waits for nothing", who());
}

void party::check_result() const {
  const auto other = other_.lock();
  if (!other) return;
  if (saw_eof_ && !hasty_)
    world_.expect(got_ == other->accepted_, "party {} has seen eof and misses bytes", who());
  if (talk_->may_fail()) return;
  world_.expect(saw_eof_ && shut_, "party {} has not ended well", who());
  world_.expect(got_ == other->accepted_ && other->offered_ == other->accepted_, "party {} misses bytes",
                who());
}

std::string party::describe() const {
  return fmt::format("party {}:{}{}{}{}{}{}{}{}{} offered {} accepted {} got {}{}", who(),
                     begun_ ? "" : " not begun", done_ ? " done" : "", reading_ ? " reading" : "",
                     writing_ ? " writing" : "", shutting_ ? " shutting" : "", shut_ ? " shut" : "",
                     cut_ ? " cut" : "", saw_eof_ ? " eof" : "", lost_ ? " lost" : "", offered_, accepted_,
                     got_, talk_->may_fail() ? " excused" : "");
}

}  // namespace simulation
