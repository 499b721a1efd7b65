// A connection whose reads are limited to a pace. Ring 4.
#pragma once

#include "proxy/base/exception_code.hpp"
#include "proxy/net/or_error.hpp"
#include "proxy/policy/pace.hpp"

#include <muxpro/proxy/connection.hpp>
#include <muxpro/timer.hpp>

#include <asio/associated_cancellation_slot.hpp>
#include <asio/async_result.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <system_error>
#include <utility>

namespace muxpro::proxy {

class paced_stream {
 public:
  using executor_type = asio::any_io_executor;
  using lowest_layer_type = paced_stream;

  paced_stream(std::shared_ptr<connection> c, const pace_limits& l)
      : s_(std::make_shared<state>(std::move(c), l)) {}

  executor_type get_executor() const { return s_->c->get_executor(); }
  lowest_layer_type& lowest_layer() noexcept { return *this; }

  /// Signature: void(std::error_code, std::size_t). Completes with at least one byte, at the pace.
  /// Errors: those of connection::read_some().
  /// Cancellation: as connection::read_some().
  template <class Buffers, class Token>
  auto async_read_some(const Buffers& into, Token&& token) {
    return asio::async_initiate<Token, void(std::error_code, std::size_t)>(
        start<true>{}, token, &read, s_, first_of<asio::mutable_buffer>(into));
  }
  /// As connection::write() of the first buffer. Signature: void(std::error_code, std::size_t).
  /// Completes when it was written. Errors and cancellation: connection::write().
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& from, Token&& token) {
    return asio::async_initiate<Token, void(std::error_code, std::size_t)>(
        start<true>{}, token, &write, s_, first_of<asio::const_buffer>(from));
  }
  /// As connection::finish(). Signature: void(std::error_code).
  /// Completes when the stream has taken EOF. Errors: none. Cancellation: as connection::finish().
  template <class Token>
  auto async_shutdown(Token&& token) {
    return asio::async_initiate<Token, void(std::error_code)>(start<false>{}, token, &end, s_,
                                                              asio::const_buffer());
  }
  void reset(end_code code) noexcept { s_->c->cut(code); }
  void close() noexcept { s_->c->close(); }

 private:
  struct state {
    state(std::shared_ptr<connection> from, const pace_limits& l) : c(std::move(from)), limit(l) {}
    const std::shared_ptr<connection> c;
    pace limit;
  };
  struct transferred {
    std::error_code ec;
    std::size_t bytes = 0;
  };
  // Parameters of a coroutine, not captures: they live as long as it.
  static asio::awaitable<transferred> read(std::shared_ptr<state> s, asio::mutable_buffer into) {
    transferred out;
    out.bytes = co_await s->c->read_some(into, out.ec);
    const duration wait = s->limit.took(out.bytes, std::chrono::steady_clock::now());
    if (wait == duration(0)) co_return out;
    counted_timer timer(s->c->get_executor(), wait);
    std::error_code cancelled;
    co_await timer.async_wait(or_error(cancelled));
    co_return out;
  }
  static asio::awaitable<transferred> write(std::shared_ptr<state> s, asio::const_buffer from) {
    transferred out;
    co_await s->c->write(from, out.ec);
    out.bytes = out.ec ? 0 : from.size();
    co_return out;
  }
  static asio::awaitable<transferred> end(std::shared_ptr<state> s, asio::const_buffer) {
    co_await s->c->finish();
    co_return transferred();
  }
  template <bool Counts>
  struct start {
    template <class Handler, class Buffer>
    void operator()(Handler&& handler, asio::awaitable<transferred> (*work)(std::shared_ptr<state>, Buffer),
                    const std::shared_ptr<state>& s, Buffer buffer) const {
      const auto slot = asio::get_associated_cancellation_slot(handler);
      auto done = [h = std::forward<Handler>(handler)](std::exception_ptr thrown, transferred t) mutable {
        if (thrown) t.ec = code_of(thrown);
        if constexpr (Counts)
          std::move(h)(t.ec, t.bytes);
        else
          std::move(h)(t.ec);
      };
      asio::co_spawn(s->c->get_executor(), work(s, buffer),
                     asio::bind_cancellation_slot(slot, std::move(done)));
    }
  };
  template <class Buffer, class Buffers>
  static Buffer first_of(const Buffers& all) {
    for (auto i = asio::buffer_sequence_begin(all); i != asio::buffer_sequence_end(all); ++i)
      if (Buffer(*i).size() > 0) return Buffer(*i);
    return Buffer();
  }

  std::shared_ptr<state> s_;
};

/// `c` itself if nothing is limited.
inline std::shared_ptr<connection> paced(std::shared_ptr<connection> c, const pace_limits& l) {
  if (l.per_second == 0) return c;
  return make_connection(paced_stream(std::move(c), l));
}

}  // namespace muxpro::proxy
