#pragma once

#include <muxpro/detail/relay_buffer.hpp>
#include <muxpro/detail/relay_state.hpp>
#include <muxpro/detail/sink.hpp>
#include <muxpro/plain_socket.hpp>

#include <asio/redirect_error.hpp>
#include <asio/socket_base.hpp>

#include <memory>
#include <utility>

namespace muxpro::detail {

/// Ends a stream so that its peer sees a cut, whatever the type of the lowest layer. A peer that was told
/// `all` up to EOF sees one only if it goes on sending: RST would take back what it has not read yet.
template <class Stream>
void cut_stream(Stream& s, end_code code, bool all = false) {
  [[maybe_unused]] error_code ignored;
  [[maybe_unused]] const asio::socket_base::linger at_once(true, 0);
  if constexpr (requires { s.reset(code); }) {
    s.reset(code);
  } else if constexpr (requires { s.set_option(at_once, ignored), s.close(ignored); }) {
    if (!all) s.set_option(at_once, ignored);
    s.close(ignored);
  } else if constexpr (requires { s.next_layer(); }) {
    cut_stream(s.next_layer(), code, all);
  } else {
    close_stream(s);
  }
}

template <class Stream>
void try_cut(Stream& s, end_code code, bool all = false) noexcept {
  try {
    cut_stream(s, code, all);
  } catch (...) {
    // Nothing can be done about it: the operations end by cancellation.
  }
}

// ssl::stream::async_shutdown() goes on to wait for the peer's close_notify, and data that comes instead
// breaks the connection for good. With that close_notify taken as received while OpenSSL is asked, it sends
// ours only.
template <class TlsStream>
struct send_close_notify {
  TlsStream* s;
  template <class Handler>
  void operator()(Handler&& handler) const {
    constexpr int sent = 1, received = 2;  // SSL_SENT_SHUTDOWN, SSL_RECEIVED_SHUTDOWN
    const auto ssl = s->native_handle();
    const int before = SSL_get_shutdown(ssl);
    SSL_set_shutdown(ssl, before | received);
    s->async_shutdown(std::forward<Handler>(handler));
    SSL_set_shutdown(ssl, before | sent);
  }
};

template <class Stream>
concept shuts_down_at_once = requires(Stream& s, error_code& ec) {
  s.shutdown(asio::socket_base::shutdown_send, ec);
};
template <class Stream>
concept shuts_down_in_time = !shuts_down_at_once<Stream> && requires(Stream & s, transfer_step done) {
  s.async_shutdown(std::move(done));
};

template <class Stream>
struct initiate_eof {
  Stream* s;
  template <class Handler>
  void operator()(Handler&& done) const {
    if constexpr (requires { SSL_get_shutdown(s->native_handle()); })
      send_close_notify<Stream>{s}(std::forward<Handler>(done));
    else
      s->async_shutdown(std::forward<Handler>(done));
  }
};

/// Passes EOF on. Whether the other side still cares is its own matter: if it is broken, its reads say so.
template <class Stream>
void pass_eof_at_once(Stream& s) {
  if constexpr (shuts_down_at_once<Stream>) {
    error_code ignored;
    s.shutdown(asio::socket_base::shutdown_send, ignored);
  }
}
template <class Stream>
auto eof_to(relay_state& s, relay_side from, Stream& to) {
  return transfer(s.executor(), s.stop_of(from), initiate_eof<Stream>{&to});
}
template <class Stream>
asio::awaitable<void> pass_eof(Stream& s) {
  pass_eof_at_once(s);
  if constexpr (shuts_down_in_time<Stream>) {
    error_code ignored;
    auto token = asio::redirect_error(asio::use_awaitable, ignored);
    co_await asio::async_initiate<decltype(token), void(error_code)>(initiate_eof<Stream>{&s}, token);
  }
  co_return;
}

// --- a direction that copies

/// What it awaits, each a read, a write or an End of one side.
template <class From, class To>
class copying_way {
 public:
  copying_way(relay_state& s, relay_side side, From& from, To& to)
      : state_(s), stop_(s.stop_of(side)), from_(from), to_(to), buffer_(s.options().buffer) {}

  relay_buffer& buffer() noexcept { return buffer_; }
  auto fill() {
    return transfer(state_.executor(), stop_, [this](transfer_step done) {
      if constexpr (requires { from_.async_take(buffer_, std::move(done)); })
        from_.async_take(buffer_, std::move(done));
      else
        from_.async_read_some(buffer_.room(), std::move(done));
    });
  }
  auto drain() {
    return transfer(state_.executor(), stop_, [this](transfer_step done) {
      if constexpr (requires { to_.async_give(buffer_, std::move(done)); })
        to_.async_give(buffer_, std::move(done));
      else
        to_.async_write_some(buffer_.bytes(), std::move(done));
    });
  }

 private:
  relay_state& state_;
  const asio::cancellation_slot stop_;
  From& from_;
  To& to_;
  relay_buffer buffer_;
};

/// A direction is named by the side that it reads.
template <class From, class To>
loop relay_from(std::shared_ptr<relay_state> s, relay_side side, From& from, To& to) {
  copying_way<From, To> way(*s, side, from, to);
  relay_buffer& buffer = way.buffer();
  for (;;) {
    const auto [unread, n] = co_await way.fill();
    if (unread == asio::error::eof) break;
    if (s->stops(side, unread)) co_return;
    s->active();
    buffer.filled(n);
    while (buffer.size() > 0) {
      const auto [unwritten, m] = co_await way.drain();
      s->written(side, m);
      if (s->stops(other_side(side), unwritten)) co_return;
      buffer.consume(m);
    }
  }
  // A socket that was reset says so once: a write on it may have taken the word and be about to tell, and the
  // read finds nothing but an end.
  co_await next_turn(s->executor());
  if (s->failed()) co_return;
  s->reached_eof(side);
  pass_eof_at_once(to);
  if constexpr (shuts_down_in_time<To>) co_await eof_to(*s, side, to);
  s->passed_eof(side);
}

// --- a direction whose bytes go on as they come

template <plain_socket Socket>
void wait_for_room(Socket& s, transfer_step done) {
  s.async_wait(asio::socket_base::wait_write, std::move(done));
}

template <class Stream>
requires requires(Stream& s, transfer_step done) { s.async_wait_for_room(std::move(done)); }
std::size_t write_now(Stream& s, const write_buffers& data, error_code& ec) { return s.write_now(data, ec); }
template <class Stream>
requires requires(Stream& s, transfer_step done) { s.async_wait_for_room(std::move(done)); }
void wait_for_room(Stream& s, transfer_step done) { s.async_wait_for_room(std::move(done)); }

template <class From, class To>
concept flows = requires(From& from, To& to, sink& way, transfer_step done, error_code& ec) {
  from.async_flow(way, std::move(done));
  write_now(to, write_buffers(), ec);
};

template <class From, class To>
class flowing_way final : private sink {
 public:
  flowing_way(relay_state& s, relay_side side, From& from, To& to)
      : state_(s), side_(side), from_(from), to_(to) {}

  /// Until `to` is full or broken, or `from` has ended.
  auto flow() {
    return transfer(state_.executor(), state_.stop_of(side_), [this](transfer_step done) {
      sink& way = *this;
      from_.async_flow(way, std::move(done));
    });
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
requires flows<From, To> loop relay_from(std::shared_ptr<relay_state> s, relay_side side, From& from,
                                         To& to) {
  flowing_way<From, To> way(*s, side, from, to);
  for (;;) {
    const auto [unread, n] = co_await way.flow();
    if (s->stops(other_side(side), way.unwritten())) co_return;
    if (unread == asio::error::eof) break;
    if (s->stops(side, unread)) co_return;
    const auto [broken, none] = co_await way.room();
    if (s->stops(other_side(side), broken)) co_return;
  }
  s->reached_eof(side);
  pass_eof_at_once(to);
  if constexpr (shuts_down_in_time<To>) co_await eof_to(*s, side, to);
  s->passed_eof(side);
}

template <class A, class B>
class relay_over final : public relay_state {
 public:
  relay_over(A& a, B& b, const relay_options& options)
      : relay_state(a.get_executor(), options), a_(a), b_(b) {}

 private:
  void cut(end_code code) noexcept override {
    try_cut(a_, code, all_of(relay_side::b));
    try_cut(b_, code, all_of(relay_side::a));
  }

  A& a_;
  B& b_;
};

template <class A, class B>
struct initiate_relay {
  A* a;
  B* b;

  template <class Handler>
  void operator()(Handler&& handler, relay_options options) const {
    const asio::any_io_executor executor = a->get_executor();
    if (!options.validate().empty()) {
      post_completion(std::forward<Handler>(handler), executor, make_error_code(errc::bad_option),
                      relay_result());
      return;
    }
    const auto s = std::make_shared<relay_over<A, B>>(*a, *b, options);
    loop from_a = relay_from<A, B>(s, relay_side::a, *a, *b);
    loop from_b = relay_from<B, A>(s, relay_side::b, *b, *a);
    auto cancel = [state = s.get()](relay_op*) { state->cancel(); };
    relay_op* const op = park<relay_op>(std::forward<Handler>(handler), executor, cancel);
    s->start(op, std::move(from_a), std::move(from_b));
  }
};

}  // namespace muxpro::detail
