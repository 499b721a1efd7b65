// http2_stream, a stream of an HTTP/2 connection as a stream of Asio. Ring 4.
#pragma once

#include "proxy/transport/http2_stream_state.hpp"

#include <muxpro/any_stream.hpp>
#include <muxpro/error.hpp>
#include <muxpro/layer.hpp>

#include <cstddef>
#include <memory>
#include <utility>

namespace muxpro::proxy {

/// Belongs to the strand of its connection, which it may outlive. One read and one write may be pending at a
/// time. Handlers are posted. Destroying it resets the stream, unless async_shutdown() came before.
class http2_stream {
  using state = http2_stream_state;

 public:
  using executor_type = asio::any_io_executor;
  using lowest_layer_type = http2_stream;

  explicit http2_stream(std::shared_ptr<state> s) noexcept : state_(std::move(s)) {}
  http2_stream(http2_stream&&) noexcept = default;
  http2_stream& operator=(http2_stream&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~http2_stream() {
    if (state_) state_->close();
  }

  executor_type get_executor() const noexcept { return state_->executor(); }
  lowest_layer_type& lowest_layer() noexcept { return *this; }

  /// Signature: void(std::error_code, std::size_t). Completes with the bytes that have come and fit, at least
  /// one, or at once with 0 if `buffers` are empty. Errors: eof behind the peer's last byte, connection_reset
  /// behind the bytes before a reset, or the end of the connection, those of http2_category(), and
  /// operation_aborted after reset() or close().
  /// Cancellation (any type): operation_aborted, no byte was read.
  template <class MutableBuffers, class Token = asio::use_awaitable_t<>>
  auto async_read_some(const MutableBuffers& buffers, Token&& token = {}) {
    return asio::async_initiate<Token, void(std::error_code, std::size_t)>(start_read{{state_.get()}}, token,
                                                                           layer::read_buffers(buffers));
  }
  /// Signature: void(std::error_code, std::size_t). Completes when frames have taken all bytes of the first
  /// buffers.
  /// Errors: broken_pipe if the peer takes no more, otherwise as async_read_some(). Cancellation (any type):
  /// operation_aborted. The caller must call reset() then.
  template <class ConstBuffers, class Token = asio::use_awaitable_t<>>
  auto async_write_some(const ConstBuffers& buffers, Token&& token = {}) {
    return asio::async_initiate<Token, void(std::error_code, std::size_t)>(start_write{{state_.get()}}, token,
                                                                           layer::write_buffers(buffers));
  }
  /// Ends this direction behind what was written. Signature: void(std::error_code). Completes at once.
  /// Errors: errc::operation_in_progress while a write waits, errc::already_shut_down, and as
  /// async_write_some(). Cancellation: not supported.
  template <class Token = asio::use_awaitable_t<>>
  auto async_shutdown(Token&& token = {}) {
    return asio::async_initiate<Token, void(std::error_code)>(start_shutdown{{state_.get()}}, token);
  }
  /// The peer gets RST_STREAM.
  void reset(end_code) noexcept { state_->reset(); }
  /// Behind async_shutdown() what was written still arrives. Else as reset().
  void close() noexcept { state_->close(); }

  /// As layer.hpp asks for.
  std::size_t read_now(bytes into, std::error_code& ec) {
    const auto now = state_->try_read(layer::read_buffers(asio::buffer(into.data(), into.size())));
    ec = now.must_wait ? std::error_code(asio::error::would_block) : now.error;
    return now.transferred;
  }
  void async_wait_for_bytes(layer::transfer_step done) { start_wait{{state_.get()}}(std::move(done)); }
  void async_flow(layer::sink& to, layer::transfer_step done) {
    start_flow{{state_.get()}}(std::move(done), to);
  }

 private:
  struct start_read : layer::initiation<state> {
    template <class Handler>
    void operator()(Handler&& handler, const layer::read_buffers& into) const {
      start<state::read_op>(std::forward<Handler>(handler), *object, object->try_read(into), into);
    }
  };
  struct start_wait : layer::initiation<state> {
    template <class Handler>
    void operator()(Handler&& handler) const {
      start<state::read_op>(std::forward<Handler>(handler), *object, object->try_wait(),
                            layer::read_buffers());
    }
  };
  struct start_flow : layer::initiation<state> {
    template <class Handler>
    void operator()(Handler&& handler, layer::sink& to) const {
      start<state::read_op>(std::forward<Handler>(handler), *object, object->try_flow(to),
                            layer::read_buffers(), &to);
    }
  };
  struct start_write : layer::initiation<state> {
    template <class Handler>
    void operator()(Handler&& handler, const layer::write_buffers& from) const {
      start<state::write_op>(std::forward<Handler>(handler), *object, object->try_write(from), from);
    }
  };
  struct start_shutdown : layer::initiation<state> {
    template <class Handler>
    void operator()(Handler&& handler) const {
      layer::post_completion(std::forward<Handler>(handler), object->executor(), object->shut_down());
    }
  };

  template <class Op, class Handler, class... Init>
  static void start(Handler&& handler, state& s, state::attempt now, const Init&... init) {
    if (!now.must_wait)
      return layer::post_completion(std::forward<Handler>(handler), s.executor(), now.error, now.transferred);
    void (*const cancel)(Op*) = &state::cancel;
    s.wait(*layer::make_pending_op<Op>(std::forward<Handler>(handler), s.executor(), cancel, s, init...));
  }

  std::shared_ptr<state> state_;
};

}  // namespace muxpro::proxy
