// A direction of a relay that reads into memory, and writes from there.
#pragma once

#include <muxpro/any_stream.hpp>
#include <muxpro/detail/initiation.hpp>
#include <muxpro/detail/pass_eof.hpp>
#include <muxpro/detail/relay_access.hpp>
#include <muxpro/detail/relay_buffer.hpp>
#include <muxpro/detail/relay_state.hpp>
#include <muxpro/impl/relay_splice.hpp>
#include <muxpro/plain_socket.hpp>

#include <cstddef>
#include <memory>
#include <utility>

namespace muxpro::detail {

template <class Stream>
auto eof_to(relay_state& s, relay_side from, Stream& to) {
  return transfer(s.executor(), s.stop_of(from), initiate_eof<Stream>{&to});
}
template <class Stream>
auto filled_from(relay_state& s, relay_side side, Stream& from, relay_buffer& into) {
  return transfer(s.executor(), s.stop_of(side),
                  [&from, &into](transfer_step done) { take(from, into, std::move(done)); });
}

template <class Stream>
void wait_if_it_can([[maybe_unused]] Stream& s, [[maybe_unused]] transfer_step done) {
  if constexpr (reads_when_ready<Stream>) wait_for_bytes(s, std::move(done));
}

template <class Stream>
auto written_to(relay_state& s, relay_side from, Stream& to, asio::const_buffer data) {
  return transfer(s.executor(), s.stop_of(from),
                  [&to, data](transfer_step done) { to.async_write_some(data, std::move(done)); });
}

template <class Stream>
bool waits_without_memory(const Stream&) noexcept {
  return reads_when_ready<Stream>;
}
inline bool waits_without_memory(const any_stream& s) noexcept { return s.reads_when_ready(); }

/// What it awaits, each a read or a write of one side. Each awaiter has its place in the coroutine's frame as
/// long as the direction lasts, so there are two.
template <class From, class To>
class copy_operations {
 public:
  copy_operations(relay_state& s, relay_side side, From& from, To& to)
      : state_(s),
        stop_(s.stop_of(side)),
        from_(from),
        to_(to),
        waits_(waits_without_memory(from)),
        buffer_(s.buffer_size()) {}

  relay_buffer& buffer() noexcept { return buffer_; }
  /// There was more than the last read had room for.
  bool reads_on() const noexcept { return waits_ && buffer_.was_full(); }
  /// Waits until a stream that can wait for bytes is ready, or reads from any other stream. got() has to
  /// follow.
  auto wait_or_read() {
    if (waits_) buffer_.rest();
    return transfer(state_.executor(), stop_, [this](transfer_step done) {
      if (waits_)
        wait_if_it_can(from_, std::move(done));
      else
        take(from_, buffer_, std::move(done));
    });
  }
  void got(const transfer_step::result& r) noexcept { got_ = r; }
  /// Puts what there is to read into the buffer. Returns why the direction ends.
  error_code read() {
    auto [unread, n] = std::exchange(got_, {});
    if (waits_ && !unread) n = fill_now(unread);
    if (unread == asio::error::would_block) unread.clear();
    if (!unread) buffer_.filled(n);
    return unread;
  }
  auto drain() {
    return transfer(state_.executor(), stop_,
                    [this](transfer_step done) { give(to_, buffer_, std::move(done)); });
  }

 private:
  std::size_t fill_now([[maybe_unused]] error_code& ec) {
    if constexpr (reads_when_ready<From>) return read_now(from_, buffer_.room_now(), ec);
    return 0;
  }

  relay_state& state_;
  const asio::cancellation_slot stop_;
  From& from_;
  To& to_;
  const bool waits_;
  transfer_step::result got_{};
  relay_buffer buffer_;
};

template <class Stream>
bool eof_is_message(const Stream&) noexcept {
  return has_close_notify<Stream>;
}
inline bool eof_is_message(const any_stream& s) noexcept { return s.has_goodbye(); }

/// EOF of TLS is a message of the peer. That of a socket may be all that is left of a reset.
template <class Stream>
error_code meaning_of_eof(const relay_state& s, relay_side side, const Stream& from) noexcept {
  return eof_is_message(from) ? error_code() : s.meaning_of_eof(side);
}

/// A direction is named by the side that it reads.
template <class From, class To>
loop begin_from(std::shared_ptr<relay_state> s, relay_side side, From& from, To& to,
                std::unique_ptr<relay_beginning> first) {
  while (first->waits()) {
    const auto [unread, n] = co_await filled_from(*s, side, from, first->room());
    if (s->ends_reading(side, first->add(unread, n))) co_return;
    s->active();
  }
  while (first->left().size() > 0) {
    const auto [unwritten, n] = co_await written_to(*s, side, to, first->left());
    s->written(side, n);
    if (s->ends_writing(side, unwritten)) co_return;
    first->written(n);
  }
  s->go_on(relay_from(s, side, from, to, first->ended()));
}

/// Passes EOF on.
template <class To>
loop end_from(std::shared_ptr<relay_state> s, relay_side side, To& to) {
  s->reached_eof(side);
  pass_eof_at_once(to);
  if constexpr (shuts_down_in_time<To>) co_await eof_to(*s, side, to);
  s->passed_eof(side);
  co_return;
}

template <class From, class To>
loop copy_from(std::shared_ptr<relay_state> s, relay_side side, From& from, To& to, bool ended) {
  copy_operations<From, To> io(*s, side, from, to);
  while (!ended) {
    if (!io.reads_on()) io.got(co_await io.wait_or_read());
    const error_code unread = io.read();
    if (unread == asio::error::eof) break;
    if (s->ends_reading(side, unread)) co_return;
    s->active();
    while (io.buffer().size() > 0) {
      const auto [unwritten, n] = co_await io.drain();
      s->written(side, n);
      if (s->ends_writing(side, unwritten)) co_return;
      io.buffer().consume(n);
    }
    if constexpr (splices<From, To>) {
      if (io.reads_on() && can_splice(*s, from, to)) {
        s->go_on(splice_from(s, side, from, to));
        co_return;
      }
    }
  }
  // A socket that was reset reports it once. A write may have taken the error and be about to report it, and
  // this read sees EOF.
  co_await next_turn(s->executor());
  if (s->ends_reading(side, meaning_of_eof(*s, side, from))) co_return;
  s->go_on(end_from(s, side, to));
}

/// Reads a side whose bytes the other one does not take any more, so that its peer gets on to its own end.
/// It is bounded, so a peer that sends without end is left waiting.
template <class From>
loop drop_from(std::shared_ptr<relay_state> s, relay_side side, From& from) {
  constexpr std::size_t most = 16 << 20;
  relay_buffer buffer(s->buffer_size());
  for (std::size_t dropped = 0; dropped < most;) {
    const auto [unread, n] = co_await filled_from(*s, side, from, buffer);
    if (s->ends_dropping(side, unread)) co_return;
    buffer.filled(n);
    buffer.consume(n);
    dropped += n;
  }
}

}  // namespace muxpro::detail
