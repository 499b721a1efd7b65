#pragma once

#include <muxpro/detail/relay_buffer.hpp>
#include <muxpro/detail/relay_state.hpp>

#include <asio/post.hpp>
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

/// Passes EOF on. Whether the other side still cares is its own matter: if it is broken, its reads say so.
template <class Stream>
asio::awaitable<void> pass_eof(Stream& s) {
  error_code ignored;
  auto token = asio::redirect_error(asio::use_awaitable, ignored);
  if constexpr (requires { s.shutdown(asio::socket_base::shutdown_send, ignored); })
    s.shutdown(asio::socket_base::shutdown_send, ignored);
  else if constexpr (requires { SSL_get_shutdown(s.native_handle()); })
    co_await asio::async_initiate<decltype(token), void(error_code)>(send_close_notify<Stream>{&s}, token);
  else if constexpr (requires { s.async_shutdown(token); })
    co_await s.async_shutdown(token);
  co_return;
}

template <class Stream, class Token>
auto fill_from(relay_buffer& b, Stream& from, Token& token) {
  if constexpr (requires { from.async_take(b, token); })
    return from.async_take(b, token);
  else
    return from.async_read_some(b.room(), token);
}

template <class Stream, class Token>
auto drain_to(relay_buffer& b, Stream& to, Token& token) {
  if constexpr (requires { to.async_give(b, token); })
    return to.async_give(b, token);
  else
    return to.async_write_some(b.bytes(), token);
}

/// One direction, named by the side that it reads.
template <class From, class To>
asio::awaitable<void> relay_from(relay_side side, std::shared_ptr<relay_state> s, From& from, To& to) {
  const relay_side other = side == relay_side::a ? relay_side::b : relay_side::a;
  relay_buffer buffer(s->options().buffer);
  error_code ec;
  auto token = asio::redirect_error(asio::use_awaitable, ec);
  for (;;) {
    const std::size_t n = co_await fill_from(buffer, from, token);
    if (s->failed()) co_return;
    if (ec == asio::error::eof) {
      // A socket that was reset says so once: a write on it may have taken the word and be about to tell, and
      // the read finds nothing but an end.
      co_await asio::post(from.get_executor(), asio::use_awaitable);
      if (s->failed()) co_return;
      break;
    }
    if (ec) {
      s->fail(side, ec);
      co_return;
    }
    s->active();
    buffer.filled(n);
    while (buffer.size() > 0) {
      const std::size_t m = co_await drain_to(buffer, to, token);
      s->written(side, m);
      if (s->failed()) co_return;
      if (ec) {
        s->fail(other, ec);
        co_return;
      }
      buffer.consume(m);
    }
  }
  s->reached_eof(side);
  co_await pass_eof(to);
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
    auto cancel = [state = s.get()](relay_op*) { state->cancel(); };
    relay_op* const op = park<relay_op>(std::forward<Handler>(handler), executor, cancel);
    s->start(op, relay_from(relay_side::a, s, *a, *b), relay_from(relay_side::b, s, *b, *a));
  }
};

}  // namespace muxpro::detail
