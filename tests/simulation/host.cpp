#include "host.hpp"

#include "memory.hpp"

namespace simulation {

namespace {
constexpr auto host_deadline = 2000s;
constexpr std::uint64_t full_queue = 256 * 1024, longest_data = 65535;
// The timer of the grace, the turn for a consumer that the thread had no time for, and the next look.
constexpr auto behind_grace = 5ms;

std::uint64_t value_of(error_code ec) { return static_cast<unsigned>(ec.value()); }
}  // namespace

host::host(world& w, std::uint64_t name, std::shared_ptr<link> l, int side, muxpro::role r,
           muxpro::session_options o, bool lenient)
    : world_(w),
      name_(name),
      link_(std::move(l)),
      side_(side),
      rules_(std::make_shared<wire_rules>(w, name, r, o)),
      mux_cool_(o.speaks == muxpro::dialect::mux_cool),
      grace_(o.full_queue_grace),
      most_unread_(mux_cool_ ? std::uint64_t{o.max_streams} * full_queue
                             : std::uint64_t{o.max_streams} * 65536 + o.session_window_budget),
      session_(link_end(link_, side), r, o),
      excused_(lenient),
      random_(w.fork()) {
  link_->rules[static_cast<std::size_t>(side)] = rules_;
}

void host::run() {
  const auto op = world_.begin("the run of a session", name_, host_deadline);
  session_.async_run([self = shared_from_this(), op](error_code ec) {
    const memory::exempt no_failures;
    world& w = self->world_;
    w.end(op);
    w.note("session ends", self->name_, value_of(ec));
    self->fate_ = ec;
    const bool reason =
        self->leaving_ || self->excused_ || self->link_->broken() || self->link_->closed(1 - self->side_);
    w.expect(reason, "session {} ends without a reason: {}", self->name_, ec.message());
  });
}

void host::open(muxpro::open_request request, std::function<void(error_code, muxpro::sub_stream)> opened) {
  const auto op = world_.begin("an open", name_, host_deadline);
  session_.async_open(std::move(request),
                      [self = shared_from_this(), op, opened](error_code ec, muxpro::sub_stream s) {
                        const memory::exempt no_failures;
                        self->world_.end(op);
                        self->world_.note("opened", self->name_, value_of(ec));
                        opened(ec, std::move(s));
                      });
}

void host::accept(std::function<void(muxpro::sub_stream)> accepted, unsigned pause_percent, duration pause) {
  accepted_ = std::move(accepted);
  pause_percent_ = pause_percent;
  pause_ = pause;
  accept_next();
}

void host::accept_next() {
  if (!accepted_) return;
  const auto op = world_.begin("an accept", name_, host_deadline);
  session_.async_accept([self = shared_from_this(), op](error_code ec, muxpro::sub_stream s) {
    const memory::exempt no_failures;
    self->world_.end(op);
    self->world_.note("accepted", self->name_, value_of(ec));
    if (ec) return self->accepted_ = nullptr, void();
    self->accepted_(std::move(s));
    if (!self->random_.chance(self->pause_percent_)) return self->accept_next();
    self->world_.after(self->random_.time(0ns, self->pause_), [self] { self->accept_next(); });
  });
}

void host::leave(bool drain) {
  leaving_ = true;
  if (!drain || over()) return session_.close();
  const auto op = world_.begin("a drain", name_, host_deadline);
  session_.async_drain([self = shared_from_this(), op](error_code ec) {
    const memory::exempt no_failures;
    self->world_.end(op);
    self->world_.note("drained", self->name_, value_of(ec));
    self->session_.close();
  });
}

void host::check() const {
  const auto s = session_.stats();
  world_.expect(s.unread <= most_unread_, "session {} holds {} unread bytes", name_, s.unread);
  std::uint64_t ends = 0;
  for (const auto& [code, n] : s.ends_sent) ends += n;
  world_.expect(excused_ || ends <= s.opened + s.refused, "session {} has sent {} Ends for {} sub-streams",
                name_, ends, s.opened);
}

// Without credit a session reads nothing while a queue is full: with other sub-streams open for no longer
// than the grace without any progress.
bool host::may_pause() {
  const auto s = session_.stats();
  const std::uint64_t progress = s.received[static_cast<std::size_t>(muxpro::frame_type::keep)].frames +
                                 s.received[static_cast<std::size_t>(muxpro::frame_type::new_stream)].frames +
                                 s.opened;
  if (!paused_since_ || progress != progress_ || s.streams == 1) paused_since_ = world_.now();
  progress_ = progress;
  const duration paused = world_.now() - *paused_since_;
  if (held_up_ && paused >= grace_) *held_up_ = true;
  world_.expect(paused <= grace_ + behind_grace, "session {} does not read for too long", name_);
  return s.unread + longest_data > full_queue;
}

void host::check_at_rest() {
  if (over() || !session_.negotiated()) return;
  const bool pauses = mux_cool_ && !link_->closed(side_) && !reads() && may_pause();
  if (!pauses) paused_since_.reset();
  if (!pauses && !link_->clogged() && !link_->closed(side_))
    world_.expect(link_->read_waits(side_), "session {} does not read", name_);
  if (!wire_free() || link_->broken() || link_->closed(1 - side_)) return;
  const auto s = session_.stats();
  world_.expect(s.queued_streams == 0, "session {} does not write: {} sub-streams wait", name_,
                s.queued_streams);
  world_.expect(s.queued_control == 0, "session {} does not write: {} control frames wait", name_,
                s.queued_control);
}

void host::check_result() const {
  const auto s = session_.stats();
  world_.expect(s.streams == 0, "session {} keeps {} sub-streams", name_, s.streams);
  world_.expect(s.unread == 0, "session {} keeps {} unread bytes", name_, s.unread);
}

std::string host::describe() const {
  const auto s = session_.stats();
  return fmt::format(
      "session {}: {}{}{} streams {} unread {} queued {} + {}, wire {} out {} in, link {}{} held {} {}",
      name_, over() ? "over " + fate_->message() : "running", excused_ ? " excused" : "",
      session_.negotiated() ? "" : " not negotiated", s.streams, s.unread, s.queued_streams, s.queued_control,
      s.wire_sent, s.wire_received, link_->read_waits(side_) ? "reading " : "",
      link_->write_waits(side_) ? "writing" : "", link_->held(side_), link_->held(1 - side_));
}

}  // namespace simulation
