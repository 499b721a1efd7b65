#include "courier.hpp"

#include "memory.hpp"

#include <algorithm>
#include <array>

namespace simulation {

namespace {
constexpr auto courier_deadline = 1000s;
/// A server ends when it has sent all and nothing has come for so long.
constexpr auto idle_limit = 15s;
constexpr std::size_t longest_datagram = 8192 - 666;
}  // namespace

courier::courier(world& w, std::shared_ptr<conversation> c, int side, courier_habits h)
    : world_(w), talk_(std::move(c)), side_(side), habits_(h), random_(w.fork()), room_(longest_datagram) {}

// --- the datagrams

dice courier::chances_of(std::uint32_t number) const noexcept { return dice((who() << 32) ^ number).fork(); }

muxpro::host_port courier::address_of(std::uint32_t number) const {
  if (rides_ && number == 0) return {fmt::format("u{}.example", talk_->tag), 53};
  const auto high = static_cast<std::uint8_t>(number >> 8), low = static_cast<std::uint8_t>(number);
  const auto port = static_cast<std::uint16_t>(1000 + side_);
  const auto kind = chances_of(number).below(3);
  if (kind == 0) return {muxpro::address::v4({10, 0, high, low}), port};
  if (kind == 1)
    return {muxpro::address::v6({0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, high, low}), port};
  return {fmt::format("d{}.example", number), port};
}

std::size_t courier::size_of(std::uint32_t number) const {
  dice random = chances_of(number);
  random.next();
  return static_cast<std::size_t>(random.size(rides_ && number == 0 ? 1 : 0, habits_.longest));
}

const_bytes courier::content_of(std::uint32_t number) const {
  return said_by(who(), std::uint64_t{number} * 977, size_of(number));
}

std::uint32_t courier::number_of(const muxpro::host_port& from, std::uint32_t after) const {
  while (after < sent_ && address_of(after) != from) ++after;
  return after;
}

// --- the beginning

muxpro::open_request courier::request() {
  muxpro::open_request out(
      muxpro::destination(muxpro::network::udp, fmt::format("u{}.example", talk_->tag), 53));
  if (random_.chance(70)) {
    source_.emplace();
    for (auto& octet : *source_) octet = static_cast<std::uint8_t>(random_.between(1, 255));
  }
  out.source = source_;
  rides_ = habits_.to_send > 0 && random_.chance(60);
  if (!rides_) return out;
  const const_bytes data = content_of(0);
  out.first_data.assign(data.begin(), data.end());
  sent_ = 1;
  return out;
}

void courier::take(muxpro::sub_stream s) {
  world_.expect(!begun_, "courier {} got a second sub-stream", who());
  begun_ = true;
  came_at_ = world_.now();
  world_.note("begins", who(), s.id());
  const auto other = other_.lock();
  if (side_ == 1 && other) {
    const auto expected = other->rides_ ? other->source_ : std::nullopt;
    world_.expect(s.source() == expected, "courier {}: another GlobalID than was sent", who());
  }
  stream_ = muxpro::sub_datagram(std::move(s));
  receive_next();
  send_next();
}

// --- receiving

void courier::receive_next() {
  if (!stream_.is_open() || receiving_ || saw_eof_ || lost_) return;
  receiving_ = true;
  given_up_ = false;
  receive_op_ = world_.begin("a reception", who(), courier_deadline);
  stream_.async_receive_from(
      asio::buffer(room_), from_,
      asio::bind_cancellation_slot(stop_.slot(), [self = shared_from_this()](error_code ec, std::size_t n) {
        self->received(ec, n);
      }));
  if (!random_.chance(habits_.cancel_percent)) return;
  world_.after(random_.time(0ns, 20ms), [self = shared_from_this()] {
    self->given_up_ = true;
    self->stop_.emit(asio::cancellation_type::terminal);
  });
}

void courier::received(error_code ec, std::size_t n) {
  const memory::exempt no_failures;
  world_.end(receive_op_);
  world_.note("received", who(), ec ? 1'000'000'000u + static_cast<unsigned>(ec.value()) : n);
  receiving_ = false;
  const auto other = other_.lock();
  if (!ec && other) check_datagram(*other, n);
  if (ec == asio::error::eof)
    saw_eof_ = true;
  else if (ec && !(ec == asio::error::operation_aborted && given_up_))
    failed("reception", ec);
  if (!ec) came_at_ = world_.now();
  if (saw_eof_) {
    shut_down();
  } else if (random_.chance(habits_.pause_percent)) {
    paused_ = true;
    world_.after(random_.time(0ns, habits_.pause), [self = shared_from_this()] {
      self->paused_ = false;
      self->receive_next();
      self->settle();
    });
  } else {
    receive_next();
  }
  settle();
}

// In their order, some lost, each whole.
void courier::check_datagram(const courier& sender, std::size_t n) {
  ++got_;
  const std::uint32_t number = sender.number_of(from_, next_);
  world_.expect(number < sender.sent_, "courier {} receives a datagram from an address that sent none",
                who());
  if (world_.failed()) return;
  next_ = number + 1;
  const const_bytes expected = sender.content_of(number), data = const_bytes(room_).first(n);
  world_.expect(std::equal(data.begin(), data.end(), expected.begin(), expected.end()),
                "courier {}: datagram {} is not what was sent", who(), number);
}

// --- sending

void courier::send_next() {
  if (!stream_.is_open() || sending_ || shut_ || lost_) return;
  if (sent_ >= habits_.to_send) return finish();
  sending_ = true;
  if (random_.chance(3)) return send_too_much();
  const const_bytes data = content_of(sent_);
  const auto to = address_of(sent_++);
  stream_.async_send_to(asio::buffer(data.data(), data.size()), to,
                        [self = shared_from_this()](error_code ec, std::size_t) { self->sent(ec, false); });
}

void courier::send_too_much() {
  const const_bytes data =
      said_by(who(), 0, static_cast<std::size_t>(random_.between(longest_datagram + 1, 9000)));
  ++refused_;
  stream_.async_send_to(asio::buffer(data.data(), data.size()), address_of(1),
                        [self = shared_from_this()](error_code ec, std::size_t) { self->sent(ec, true); });
}

void courier::sent(error_code ec, bool too_long) {
  const memory::exempt no_failures;
  sending_ = false;
  const bool refused = ec == muxpro::errc::datagram_too_large;
  world_.expect(refused == too_long || ec, "courier {}: a datagram that is too long is sent", who());
  if (ec && !(refused && too_long)) failed("send", ec);
  // A queue holds 64 datagrams and 64 KiB: without pauses most would be lost.
  const bool burst = random_.chance(50);
  if (burst) {
    send_next();
  } else {
    sending_ = true;
    world_.after(random_.time(0ns, habits_.pause), [self = shared_from_this()] {
      self->sending_ = false;
      self->send_next();
      self->settle();
    });
  }
  settle();
}

// The End of a client waits for that of the server, which comes when nothing more does.
void courier::finish() {
  if (side_ == 0) return shut_down();
  if (finishing_) return;
  const duration quiet = world_.now() - came_at_;
  if (quiet >= idle_limit) return shut_down();
  finishing_ = true;
  world_.after(idle_limit - quiet, [self = shared_from_this()] {
    self->finishing_ = false;
    self->send_next();
    self->settle();
  });
}

void courier::shut_down() {
  if (!stream_.is_open() || std::exchange(shut_, true)) return;
  shutting_ = true;
  world_.note("shuts down", who());
  shutdown_op_ = world_.begin("a shutdown", who(), courier_deadline);
  stream_.async_shutdown([self = shared_from_this()](error_code ec) {
    const memory::exempt no_failures;
    self->world_.end(self->shutdown_op_);
    self->shutting_ = false;
    if (ec) self->failed("shutdown", ec);
    self->settle();
  });
}

void courier::failed(const char* what, error_code ec) {
  lost_ = true;
  const bool ended = ec == muxpro::errc::already_shut_down && saw_eof_;
  world_.expect(talk_->may_fail() || ended, "courier {}: a {} fails without a reason: {}", who(), what,
                ec.message());
}

void courier::settle() {
  if (done_ || !begun_ || receiving_ || sending_ || shutting_ || paused_ || finishing_) return;
  if (!lost_ && !(saw_eof_ && shut_)) return;
  done_ = true;
  if (lost_) talk_->excused = true;
  stream_ = muxpro::sub_datagram();
  world_.note("done", who(), got_);
}

// --- what must hold

void courier::check_counts(world& w, const courier& from, const courier& to) {
  if (from.talk_->may_fail() || !from.stream_.is_open() || !to.stream_.is_open()) return;
  if (from.shut_ || to.shut_) return;
  const auto out = from.stream_.stats(), in = to.stream_.stats();
  w.expect(from.sent_ + from.refused_ == out.sent.frames + out.datagrams_dropped_out,
           "courier {}: {} sent and {} refused, but {} are on the wire and {} counted as dropped", from.who(),
           from.sent_, from.refused_, out.sent.frames, out.datagrams_dropped_out);
  if (!to.receiving_) return;
  w.expect(to.got_ + in.datagrams_dropped_in == out.sent.frames,
           "courier {}: {} came and {} were dropped of {}", to.who(), to.got_, in.datagrams_dropped_in,
           out.sent.frames);
}

void courier::check_result() const {
  if (talk_->may_fail()) return;
  world_.expect(saw_eof_ && shut_, "courier {} has not ended well", who());
}

std::string courier::describe() const {
  return fmt::format("courier {}:{}{}{}{}{}{}{}{} sent {} got {}", who(), begun_ ? "" : " not begun",
                     done_ ? " done" : "", receiving_ ? " receiving" : "", sending_ ? " sending" : "",
                     shutting_ ? " shutting" : "", shut_ ? " shut" : "", saw_eof_ ? " eof" : "",
                     lost_ ? " lost" : "", sent_, got_);
}

}  // namespace simulation
