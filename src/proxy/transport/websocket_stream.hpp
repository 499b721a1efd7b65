// websocket_stream, the messages of WebSocket as a stream of bytes, over any stream. Ring 4.
#pragma once

#include "proxy/transport/websocket_operation.hpp"

#include <muxpro/any_stream.hpp>
#include <muxpro/layer.hpp>
#include <muxpro/plain_socket.hpp>

#include <asio/async_result.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace muxpro::proxy {

/// The boundaries of messages have no meaning. Belongs to one strand. One read and one write may be pending
/// at a time. Shutdown counts as a write. Moved only while no operation is pending. Pending operations
/// complete with operation_aborted when it is destroyed.
template <class Next>
class websocket_stream {
  using core = websocket_core<Next>;

 public:
  using executor_type = typename Next::executor_type;
  using next_layer_type = Next;

  /// Made behind the handshake. `side` is the role of this side.
  websocket_stream(Next next, role side, websocket_beginning first) {
    const duration heartbeat = first.heartbeat;
    core_ = std::make_shared<core>(std::move(next), side, std::move(first));
    if (heartbeat > duration(0)) core_->beat_every(heartbeat);
  }
  websocket_stream(websocket_stream&&) noexcept = default;
  websocket_stream& operator=(websocket_stream&& other) noexcept {
    std::swap(core_, other.core_);
    return *this;
  }
  ~websocket_stream() {
    if (core_) core_->abandon();
  }

  executor_type get_executor() const noexcept { return core_->executor; }
  Next& next_layer() noexcept { return *core_->next; }
  auto& lowest_layer() noexcept { return core_->next->lowest_layer(); }

  /// Signature: void(std::error_code, std::size_t). Completes with the data of all messages that one read of
  /// the stream below gets, at least one byte, or at once with 0 if the buffers are empty. Only the first
  /// buffer is filled. Pings are answered. Errors: eof after the peer's Close, or its websocket_end_mark,
  /// connection_reset if the stream below ends without these, std::errc::protocol_error, after which the peer
  /// gets a Close, and those of the stream below.
  /// Cancellation (any type): operation_aborted, no byte was read.
  template <class MutableBuffers, class Token = asio::use_awaitable_t<>>
  auto async_read_some(const MutableBuffers& buffers, Token&& token = {}) {
    return asio::async_initiate<Token, void(std::error_code, std::size_t)>(start{core_}, token,
                                                                           first_of(buffers));
  }
  /// Signature: void(std::error_code, std::size_t). Completes when the stream below has taken a message of
  /// the first bytes. Errors: broken_pipe after async_shutdown(), and after the peer's Close, and those of
  /// the stream below. Cancellation (terminal): operation_aborted. The caller must close the stream then.
  template <class ConstBuffers, class Token = asio::use_awaitable_t<>>
  auto async_write_some(const ConstBuffers& buffers, Token&& token = {}) {
    return asio::async_initiate<Token, void(std::error_code, std::size_t)>(start{core_}, token, buffers,
                                                                           std::false_type());
  }
  /// Ends this direction. Of a server it ends both, for peers that wait for a Close. Not while a write is
  /// pending.
  /// Signature: void(std::error_code). Completes when the stream below has taken it.
  /// Errors: those of the stream below.
  /// Cancellation (terminal): operation_aborted. Only closing makes sense then.
  template <class Token = asio::use_awaitable_t<>>
  auto async_shutdown(Token&& token = {}) {
    core_->finish();
    return asio::async_initiate<Token, void(std::error_code)>(start{core_}, token, asio::const_buffer(),
                                                              std::true_type());
  }
  void reset(end_code code) noexcept { muxpro::cut(*core_->next, code); }
  void close() noexcept { close_after_eof(*core_->next); }

  /// As tls_stream has it, where the stream below can do that.
  std::size_t read_now(bytes into, std::error_code& ec) requires layer::reads_when_ready<Next> {
    core& c = *core_;
    for (;;) {
      ec.clear();
      if (c.is_opening()) ec = asio::error::would_block;
      if (ec) return 0;
      if (const std::size_t n = c.read_held(into); n > 0) return n;
      if (ec = c.end(); ec) return 0;
      const std::size_t m = layer::read_now(*c.next, into, ec);
      ec = core::meaning_of(ec);
      if (m == 0) return 0;
      if (const std::size_t n = c.take_in(into.first(m)); n > 0) return n;
    }
  }
  void async_wait_for_bytes(layer::transfer_step done) requires layer::reads_when_ready<Next> {
    if (core_->is_opening())
      core_->wait_until_open(opened_step{std::move(done)});
    else if (core_->reads_at_once())
      asio::post(core_->executor, layer::completed_step(std::move(done)));
    else
      layer::wait_for_bytes(*core_->next, std::move(done));
  }

 private:
  /// Its timer was cancelled because the handshake is over, or by the caller.
  struct opened_step {
    using allocator_type = layer::transfer_step::allocator_type;
    using executor_type = layer::transfer_step::executor_type;
    using cancellation_slot_type = asio::cancellation_slot;

    allocator_type get_allocator() const noexcept { return done.get_allocator(); }
    const executor_type& get_executor() const noexcept { return done.get_executor(); }
    cancellation_slot_type get_cancellation_slot() const noexcept { return done.get_cancellation_slot(); }
    void operator()(std::error_code) { done(std::error_code()); }

    layer::transfer_step done;
  };
  struct start {
    using executor_type = typename Next::executor_type;
    std::shared_ptr<core> of;

    executor_type get_executor() const noexcept { return of->executor; }
    template <class Handler>
    void operator()(Handler&& handler, asio::mutable_buffer into) const {
      websocket_read<core, std::decay_t<Handler>>(of, into, std::forward<Handler>(handler)).begin();
    }
    template <class Handler, class Buffers, bool Ends>
    void operator()(Handler&& handler, const Buffers& data, std::bool_constant<Ends>) const {
      websocket_write<core, Buffers, std::decay_t<Handler>, Ends>(of, data, std::forward<Handler>(handler))
          .begin();
    }
  };
  template <class Buffers>
  static asio::mutable_buffer first_of(const Buffers& all) {
    for (auto i = asio::buffer_sequence_begin(all); i != asio::buffer_sequence_end(all); ++i)
      if (asio::mutable_buffer(*i).size() > 0) return *i;
    return {};
  }

  std::shared_ptr<core> core_;
};

}  // namespace muxpro::proxy
