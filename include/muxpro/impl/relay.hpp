#pragma once

#include <muxpro/any_stream.hpp>
#include <muxpro/detail/initiation.hpp>
#include <muxpro/detail/pass_eof.hpp>
#include <muxpro/detail/relay_access.hpp>
#include <muxpro/detail/relay_buffer.hpp>
#include <muxpro/detail/relay_state.hpp>
#include <muxpro/detail/sink.hpp>
#include <muxpro/plain_socket.hpp>

#include <asio/socket_base.hpp>

#include <cstddef>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

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

// --- a direction that copies

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

// --- a direction whose bytes go on as they come

template <class From, class To>
concept flows = flows_out<From> && takes_at_once<To>;

template <class From, class To>
class flow_operations final : private sink {
 public:
  flow_operations(relay_state& s, relay_side side, From& from, To& to)
      : state_(s), side_(side), from_(from), to_(to) {}

  auto fill(relay_buffer& into) { return filled_from(state_, side_, from_, into); }
  /// Until `to` is full or broken, or `from` has ended.
  auto flow() {
    return transfer(state_.executor(), state_.stop_of(side_), [this](transfer_step done) {
      sink& self = *this;
      relay_access<From>::flow(from_, self, std::move(done));
    });
  }
  auto write(asio::const_buffer from) {
    return transfer(state_.executor(), state_.stop_of(side_),
                    [this, from](transfer_step done) { to_.async_write_some(from, std::move(done)); });
  }
  auto room() {
    return transfer(state_.executor(), state_.stop_of(side_),
                    [this](transfer_step done) { wait_for_room(to_, std::move(done)); });
  }
  error_code unwritten() const noexcept { return unwritten_; }

 private:
  std::size_t take(const write_buffers& data) override {
    if (data.size() == 0 || unwritten_) return 0;
    const std::size_t n = write_now(to_, data, unwritten_);
    if (n > 0) state_.written(side_, n);
    return n;
  }

  relay_state& state_;
  const relay_side side_;
  From& from_;
  To& to_;
  error_code unwritten_;
};

template <class From, class To>
loop flow_from(std::shared_ptr<relay_state> s, relay_side side, From& from, To& to) {
  flow_operations<From, To> io(*s, side, from, to);
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
  while (!ended) {
    const auto [unread, n] = co_await io.flow();
    if (s->ends_writing(side, io.unwritten())) co_return;
    if (unread == asio::error::eof) break;
    if (s->ends_reading(side, unread)) co_return;
    const auto [broken, none] = co_await io.room();
    if (s->ends_writing(side, broken)) co_return;
  }
  s->reached_eof(side);
  pass_eof_at_once(to);
  if constexpr (shuts_down_in_time<To>) co_await eof_to(*s, side, to);
  s->passed_eof(side);
}

template <class From, class To>
loop relay_from(const std::shared_ptr<relay_state>& s, relay_side side, From& from, To& to) {
  if constexpr (flows<From, To>)
    return flow_from(s, side, from, to);
  else
    return copy_from(s, side, from, to);
}
/// Compiled once: g++ emits a coroutine wherever an inline function names it, called or not.
loop relay_from(const std::shared_ptr<relay_state>& s, relay_side side, any_stream& from, any_stream& to);

template <class Stream>
bool is_over_socket(const Stream&) noexcept {
  return over_socket<Stream>();
}
inline bool is_over_socket(const any_stream& s) noexcept { return s.over_socket(); }

template <class A, class B>
class relay_over final : public relay_state {
 public:
  relay_over(A& a, B& b, relay_options options)
      : relay_state(a.get_executor(), std::move(options)), a_(a), b_(b) {}

 private:
  void end(relay_side s, stream_ending how, end_code code) noexcept override {
    s == relay_side::a ? end_stream(a_, how, code) : end_stream(b_, how, code);
  }
  std::size_t undelivered(relay_side s) noexcept override {
    return s == relay_side::a ? detail::undelivered(a_) : detail::undelivered(b_);
  }
  bool lingers(relay_side s) const noexcept override {
    return s == relay_side::a ? is_over_socket(a_) : is_over_socket(b_);
  }
  loop dropping(relay_side from) override {
    if (from == relay_side::a) return drop_from(shared_from_this(), from, a_);
    return drop_from(shared_from_this(), from, b_);
  }

  A& a_;
  B& b_;
};

template <class A, class B>
struct initiate_relay {
  A* a;
  B* b;

  using executor_type = asio::any_io_executor;
  executor_type get_executor() const noexcept {
    return is_usable(*a) ? executor_type(a->get_executor()) : executor_of_none();
  }
  template <class Handler>
  void operator()(Handler&& handler, relay_options options) const {
    if (!is_usable(*a) || !is_usable(*b)) return refuse<relay_result>(std::forward<Handler>(handler));
    const asio::any_io_executor executor = a->get_executor();
    if (!options.validate().empty()) {
      post_completion(std::forward<Handler>(handler), executor, make_error_code(errc::bad_option),
                      relay_result());
      return;
    }
    const auto s = std::make_shared<relay_over<A, B>>(*a, *b, std::move(options));
    loop from_a = relay_from(s, relay_side::a, *a, *b);
    loop from_b = relay_from(s, relay_side::b, *b, *a);
    auto cancel = [state = s.get()](relay_op*) { state->cancel(); };
    relay_op* const op = park<relay_op>(std::forward<Handler>(handler), executor, cancel);
    s->start(op, std::move(from_a), std::move(from_b));
  }
};

}  // namespace muxpro::detail

#if !defined(MUXPRO_SEPARATE_COMPILATION)
#include <muxpro/impl/relay_erased.ipp>
#endif
