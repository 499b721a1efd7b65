// pipe_end, a bounded duplex stream inside the process. It links a proxy's inbound and outbound, and replaces
// the network in tests. Ring 2, useful alone.
#pragma once

#include <muxpro/detail/initiation.hpp>
#include <muxpro/detail/pipe_core.hpp>
#include <muxpro/detail/relay_access.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace muxpro {

/// Counts the bytes that have gone through a pipe, as seen from one end. Outlives that end. A
/// default-constructed one returns 0.
class pipe_meter {
 public:
  pipe_meter() noexcept = default;
  /// Bytes that this end has read.
  std::uint64_t read() const noexcept { return core_ ? core_->passed_to(side_) : 0; }
  /// Bytes that this end has written and the other one has read.
  std::uint64_t written() const noexcept { return core_ ? core_->passed_from(side_) : 0; }

 private:
  friend class pipe_end;
  using core_type = detail::pipe_core;
  pipe_meter(std::shared_ptr<const core_type> core, core_type::side side) noexcept
      : core_(std::move(core)), side_(side) {}

  std::shared_ptr<const core_type> core_;
  core_type::side side_ = core_type::side::first;
};

/// One end of a pipe. Models AsyncReadStream and AsyncWriteStream. A default-constructed or moved-from end is
/// empty. Assignment, destruction, close(), is_open() and valid() are allowed on it. Any other call is
/// misuse. Debug builds assert. In other builds asynchronous operations complete with errc::bad_handle, and
/// functions that return a value return an empty one.
///
/// Both ends belong to one strand. One read and one write may be pending at each end. A second one fails with
/// errc::operation_in_progress. Handlers are always posted, never called inside a call. Memory is held only
/// for bytes that were written and not yet read. The io_context may be destroyed first. Pending handlers are
/// then destroyed without being called.
class pipe_end {
 public:
  using executor_type = asio::any_io_executor;
  using lowest_layer_type = pipe_end;

  pipe_end() noexcept = default;
  pipe_end(pipe_end&&) noexcept = default;
  pipe_end& operator=(pipe_end&& other) noexcept {
    if (this == &other) return *this;
    close();
    core_ = std::move(other.core_);
    side_ = other.side_;
    return *this;
  }
  /// As close().
  ~pipe_end() { close(); }

  executor_type get_executor() const noexcept {
    return detail::is_there(core_) ? core_->executor() : detail::executor_of_none();
  }
  lowest_layer_type& lowest_layer() noexcept { return *this; }
  const lowest_layer_type& lowest_layer() const noexcept { return *this; }

  /// Whether it came from make_pipe() and was not moved from.
  bool valid() const noexcept { return static_cast<bool>(core_); }
  bool is_open() const noexcept { return core_ && !core_->closed(side_); }
  /// Bytes that a read would get at once, without those of a write that waits.
  std::size_t available() const noexcept { return detail::is_there(core_) ? core_->available(side_) : 0; }
  /// Bytes that this end has written and the other one has not read.
  std::size_t undelivered() const noexcept { return core_ ? core_->undelivered(side_) : 0; }
  /// Bytes of memory that the pipe holds for unread bytes of both directions.
  std::size_t memory() const noexcept { return detail::is_there(core_) ? core_->memory() : 0; }
  pipe_meter meter() const noexcept { return pipe_meter(core_, side_); }

  /// Signature: void(error_code, std::size_t). Completes as soon as there is at least one byte, with all
  /// buffered bytes that fit, or at once with 0 if `buffers` are empty. Errors: eof after the last byte once
  /// the peer has shut down, connection_reset if the peer was closed without a shutdown, operation_aborted if
  /// this end is closed meanwhile, bad_descriptor if it was closed before. Cancellation (any type):
  /// operation_aborted, no byte was read.
  template <class MutableBuffers, class Token = asio::use_awaitable_t<>>
  auto async_read_some(const MutableBuffers& buffers, Token&& token = {}) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(start_read{{core_.get()}}, token, side_,
                                                                      buffers, nullptr);
  }

  /// Signature: void(error_code, std::size_t). Completes as soon as the pipe has taken at least one byte,
  /// with as many as fit, or at once with 0 if `buffers` are empty. The peer need not have read them. Errors:
  /// broken_pipe if the peer is closed, errc::already_shut_down, operation_aborted if this end is closed
  /// meanwhile, bad_descriptor if it was closed before.
  /// Cancellation (any type): operation_aborted, no byte was written.
  template <class ConstBuffers, class Token = asio::use_awaitable_t<>>
  auto async_write_some(const ConstBuffers& buffers, Token&& token = {}) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(start_write{{core_.get()}}, token,
                                                                      side_, buffers, nullptr);
  }

  /// Ends writing. The peer reads the buffered bytes, then eof. Reading goes on.
  /// Signature: void(error_code). Completes at once, so that cancellation has no effect.
  /// Errors: errc::operation_in_progress while a write waits (writing is not shut down then),
  /// errc::already_shut_down, broken_pipe if the peer is closed, bad_descriptor if this end is closed.
  template <class Token = asio::use_awaitable_t<>>
  auto async_shutdown(Token&& token = {}) {
    return asio::async_initiate<Token, void(error_code)>(start_shutdown{{core_.get()}}, token, side_);
  }

  /// Pending operations of this end complete with operation_aborted, after this call has returned. The pipe
  /// stays open.
  void cancel() {
    if (detail::is_there(core_)) core_->cancel(side_);
  }

  /// Pending operations of this end complete with operation_aborted. If this end has shut down, the peer
  /// still reads the buffered bytes, and eof. Otherwise bytes that the peer has not read are dropped, and its
  /// reads fail with connection_reset. The peer's writes fail with broken_pipe.
  void close() noexcept {
    if (core_) core_->close(side_);
  }

  /// As close(), but the peer still reads what this end has written. Its reads end with connection_reset
  /// behind that, unless this end has shut down.
  void reset() noexcept {
    if (core_) core_->reset(side_);
  }

  friend std::pair<pipe_end, pipe_end> make_pipe(asio::any_io_executor executor, std::size_t capacity);

 private:
  friend struct detail::relay_access<pipe_end>;
  using core_type = detail::pipe_core;

  struct start_read : detail::initiation<core_type> {
    template <class Handler, class Buffers>
    void operator()(Handler&& handler, core_type::side side, const Buffers& buffers,
                    detail::relay_buffer* memory) const {
      if (!object) return detail::refuse<std::size_t>(std::forward<Handler>(handler));
      const core_type::read_buffers list(buffers);
      start<core_type::read_op>(std::forward<Handler>(handler), *object, side,
                                object->try_read(side, list, memory), list, memory);
    }
  };

  struct start_write : detail::initiation<core_type> {
    template <class Handler, class Buffers>
    void operator()(Handler&& handler, core_type::side side, const Buffers& buffers,
                    detail::relay_buffer* memory) const {
      if (!object) return detail::refuse<std::size_t>(std::forward<Handler>(handler));
      const core_type::write_buffers list(buffers);
      start<core_type::write_op>(std::forward<Handler>(handler), *object, side,
                                 object->try_write(side, list, memory), list, memory);
    }
  };

  struct start_shutdown : detail::initiation<core_type> {
    template <class Handler>
    void operator()(Handler&& handler, core_type::side side) const {
      if (!object) return detail::refuse(std::forward<Handler>(handler));
      detail::post_completion(std::forward<Handler>(handler), object->executor(), object->shut_down(side));
    }
  };

  template <class Op, class Handler, class... Init>
  static void start(Handler&& handler, core_type& core, core_type::side side, core_type::attempt result,
                    const Init&... init) {
    if (!result.must_wait) {
      detail::post_completion(std::forward<Handler>(handler), core.executor(), result.error,
                              result.transferred);
      return;
    }
    core.wait(side, *detail::make_pending_op<Op>(std::forward<Handler>(handler), core.executor(),
                                                 &core_type::cancel<Op>, init...));
  }

  pipe_end(std::shared_ptr<core_type> core, core_type::side side) noexcept
      : core_(std::move(core)), side_(side) {}

  std::shared_ptr<core_type> core_;
  core_type::side side_ = core_type::side::first;
};

/// The two ends of a new pipe. At most `capacity` bytes are buffered in each direction. With 0 a write waits
/// until a read takes its bytes. Handlers without an executor of their own run on `executor`.
inline std::pair<pipe_end, pipe_end> make_pipe(asio::any_io_executor executor, std::size_t capacity = 65536) {
  auto core = std::make_shared<detail::pipe_core>(executor, capacity);
  return {pipe_end(core, detail::pipe_core::side::first), pipe_end(core, detail::pipe_core::side::second)};
}

namespace detail {

template <>
struct relay_access<pipe_end> {
  template <class Handler>
  static void take(pipe_end& p, relay_buffer& to, Handler&& handler) {
    pipe_end::start_read{{p.core_.get()}}(std::forward<Handler>(handler), p.side_, to.room(), &to);
  }
  template <class Handler>
  static void give(pipe_end& p, relay_buffer& from, Handler&& handler) {
    pipe_end::start_write{{p.core_.get()}}(std::forward<Handler>(handler), p.side_, from.bytes(),
                                           from.should_swap() ? &from : nullptr);
  }
  template <class Handler>
  static void flow(pipe_end& p, sink& to, Handler&& handler) {
    if (!p.core_) return refuse<std::size_t>(std::forward<Handler>(handler));
    pipe_end::start<pipe_core::read_op>(std::forward<Handler>(handler), *p.core_, p.side_,
                                        p.core_->try_flow(p.side_, to), pipe_core::read_buffers(), nullptr,
                                        &to);
  }
  static std::size_t write_now(pipe_end& p, const write_buffers& from, error_code& ec) {
    if (!is_there(p.core_)) return ec = errc::bad_handle, 0;
    const auto done = p.core_->try_write(p.side_, from, nullptr);
    ec = done.error;
    return done.transferred;
  }
  template <class Handler>
  static void wait_for_room(pipe_end& p, Handler&& handler) {
    if (!p.core_) return refuse<std::size_t>(std::forward<Handler>(handler));
    pipe_end::start<pipe_core::write_op>(std::forward<Handler>(handler), *p.core_, p.side_,
                                         p.core_->try_wait_for_room(p.side_), pipe_core::write_buffers());
  }
};

}  // namespace detail
}  // namespace muxpro
