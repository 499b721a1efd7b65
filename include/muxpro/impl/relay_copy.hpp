// A direction of a relay that reads into memory, and writes from there.
#pragma once

#include <muxpro/any_stream.hpp>
#include <muxpro/detail/initiation.hpp>
#include <muxpro/detail/pass_eof.hpp>
#include <muxpro/detail/relay_access.hpp>
#include <muxpro/detail/relay_buffer.hpp>
#include <muxpro/detail/relay_state.hpp>
#include <muxpro/plain_socket.hpp>

#include <cstddef>
#include <memory>
#include <tuple>
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

/// What it awaits, each a read, a write or an End of one side.
template <class From, class To>
class copy_operations {
 public:
  copy_operations(relay_state& s, relay_side side, From& from, To& to)
      : state_(s), side_(side), stop_(s.stop_of(side)), from_(from), to_(to), buffer_(s.options().buffer) {}

  relay_buffer& buffer() noexcept { return buffer_; }
  auto fill(relay_buffer& into) { return filled_from(state_, side_, from_, into); }
  // Of a stream that reads when it is ready.
  auto wait() {
    return transfer(state_.executor(), stop_,
                    [this](transfer_step done) { wait_if_it_can(from_, std::move(done)); });
  }
  std::size_t fill_now([[maybe_unused]] error_code& ec) {
    if constexpr (reads_when_ready<From>) return read_now(from_, buffer_.room_now(), ec);
    return 0;
  }
  auto write(asio::const_buffer from) {
    return transfer(state_.executor(), stop_,
                    [this, from](transfer_step done) { to_.async_write_some(from, std::move(done)); });
  }
  auto drain() {
    return transfer(state_.executor(), stop_,
                    [this](transfer_step done) { give(to_, buffer_, std::move(done)); });
  }

 private:
  relay_state& state_;
  const relay_side side_;
  const asio::cancellation_slot stop_;
  From& from_;
  To& to_;
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

template <class Stream>
bool waits_without_memory(const Stream&) noexcept {
  return reads_when_ready<Stream>;
}
inline bool waits_without_memory(const any_stream& s) noexcept { return s.reads_when_ready(); }

/// A direction is named by the side that it reads.
template <class From, class To>
loop copy_from(std::shared_ptr<relay_state> s, relay_side side, From& from, To& to) {
  copy_operations<From, To> io(*s, side, from, to);
  bool ended = false;
  if (const auto first = s->take_beginning(side)) {
    while (first->waits()) {
      const auto [unread, n] = co_await io.fill(first->room());
      if (s->ends_reading(side, first->add(unread, n))) co_return;
      s->active();
    }
    while (first->left().size() > 0) {
      const auto [unwritten, n] = co_await io.write(first->left());
      s->written(side, n);
      if (s->ends_writing(side, unwritten)) co_return;
      first->written(n);
    }
    ended = first->ended();
  }
  relay_buffer& buffer = io.buffer();
  const bool waits_first = waits_without_memory(from);
  while (!ended) {
    error_code unread;
    std::size_t n = 0;
    if (!waits_first) {
      const auto got = co_await io.fill(buffer);
      std::tie(unread, n) = std::pair(got.error, got.bytes);
    } else {
      if (!buffer.was_full()) {
        buffer.rest();
        const auto ready = co_await io.wait();
        unread = ready.error;
      }
      if (!unread) n = io.fill_now(unread);
      if (unread == asio::error::would_block) unread.clear();
    }
    if (unread == asio::error::eof) break;
    if (s->ends_reading(side, unread)) co_return;
    s->active();
    buffer.filled(n);
    while (buffer.size() > 0) {
      const auto [unwritten, m] = co_await io.drain();
      s->written(side, m);
      if (s->ends_writing(side, unwritten)) co_return;
      buffer.consume(m);
    }
  }
  // A socket that was reset reports it once: a write may have taken the error and be about to report it, and
  // this read sees EOF.
  co_await next_turn(s->executor());
  if (s->ends_reading(side, meaning_of_eof(*s, side, from))) co_return;
  s->reached_eof(side);
  pass_eof_at_once(to);
  if constexpr (shuts_down_in_time<To>) co_await eof_to(*s, side, to);
  s->passed_eof(side);
}

/// Reads a side whose bytes the other one does not take any more, so that its peer gets on to its own end.
/// Bounded: a peer that sends without end is left waiting.
template <class From>
loop drop_from(std::shared_ptr<relay_state> s, relay_side side, From& from) {
  constexpr std::size_t most = 16 << 20;
  copy_operations<From, From> io(*s, side, from, from);
  for (std::size_t dropped = 0; dropped < most;) {
    const auto [unread, n] = co_await io.fill(io.buffer());
    if (s->ends_dropping(side, unread)) co_return;
    io.buffer().filled(n);
    io.buffer().consume(n);
    dropped += n;
  }
}

}  // namespace muxpro::detail
