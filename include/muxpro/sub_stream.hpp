// sub_stream, one sub-stream of a session, as a byte stream for Asio's composed operations. Ring 3.
#pragma once

#include <muxpro/detail/asio.hpp>
#include <muxpro/detail/buffers.hpp>
#include <muxpro/detail/initiation.hpp>
#include <muxpro/detail/ref.hpp>
#include <muxpro/detail/relay_access.hpp>
#include <muxpro/frame.hpp>
#include <muxpro/stats.hpp>

#include <cstddef>
#include <memory>
#include <utility>

namespace muxpro {

namespace detail {
class sink;
class stream_state;
struct sub_stream_access;
const asio::any_io_executor& executor_of(const stream_state& s) noexcept;
}  // namespace detail

/// Models AsyncReadStream and AsyncWriteStream. Works under asio::async_read, async_write, read_until,
/// asio::ssl::stream<sub_stream>, and as the next layer of another session.
///
/// Use it on its session's strand. One read, one write and one shutdown may be pending at a time.
/// Move-only. The destructor calls close(), so the bytes of successful writes are delivered. A table in
/// session.hpp lists the ways to end a sub-stream.
class sub_stream {
 public:
  using executor_type = asio::any_io_executor;
  using lowest_layer_type = sub_stream;

  /// Makes an empty handle. Every operation on it is misuse, as on a moved-from one. Debug builds assert. In
  /// other builds asynchronous operations complete with errc::bad_handle, and functions that return a value
  /// return an empty one. Destruction, assignment, close(), reset(), is_open() and valid() are allowed.
  sub_stream() noexcept = default;
  sub_stream(sub_stream&&) noexcept = default;
  sub_stream& operator=(sub_stream&& other) noexcept;
  ~sub_stream();

  /// Returns whether the handle came from a session and was not moved from.
  bool is_open() const noexcept { return static_cast<bool>(state_); }
  /// Same as is_open(). Every handle of the library has valid().
  bool valid() const noexcept { return is_open(); }
  executor_type get_executor() const noexcept;
  lowest_layer_type& lowest_layer() noexcept { return *this; }
  const lowest_layer_type& lowest_layer() const noexcept { return *this; }

  stream_id id() const noexcept;
  /// The network, host and port of New.
  const destination& target() const noexcept;
  std::uint8_t priority() const noexcept;
  /// The GlobalID of New, which only UDP under 0.1 has.
  const std::optional<global_id>& source() const noexcept;
  stream_stats stats() const;

  /// Reads the bytes that have arrived, at least one.
  /// Signature: void(error_code, std::size_t bytes). Completes when a byte has arrived or the stream has
  /// ended, or at once with 0 if `buffers` are empty.
  /// Errors: asio::error::eof only after the peer's End(0) and all its bytes, an end_code if the peer aborted
  /// (unread bytes are dropped), errc::connection_lost and others if the session ended. Cancellation (any
  /// type): operation_aborted, no byte is lost.
  template <class MutableBufferSequence, class Token = asio::use_awaitable_t<>>
  auto async_read_some(const MutableBufferSequence& buffers, Token&& token = {}) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(initiate_read{{state_.get()}}, token,
                                                                      detail::read_buffers(buffers));
  }

  /// Reads as many bytes as have arrived and fit, without waiting. If no byte has arrived it returns 0 with
  /// asio::error::would_block, or with what async_read_some() would end with. `ec` is clear otherwise.
  template <class MutableBufferSequence>
  std::size_t try_read(const MutableBufferSequence& buffers, error_code& ec) {
    ec = {};
    return read_at_once(detail::read_buffers(buffers), ec);
  }

  /// Sends the part that the peer's credit and session_options::session_out_buffer allow, at least one byte.
  /// Signature: void(error_code, std::size_t bytes). Completes when the main connection has taken the
  /// bytes, or at once when a few of them were copied. The buffers are used until then. Waits for credit if
  /// the peer has granted no more.
  /// Errors: as async_read_some(), and errc::already_shut_down.
  /// Cancellation (any type): operation_aborted if no byte was sent. If some bytes were sent already it
  /// completes without an error when the main connection has taken them.
  template <class ConstBufferSequence, class Token = asio::use_awaitable_t<>>
  auto async_write_some(const ConstBufferSequence& buffers, Token&& token = {}) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(initiate_write{{state_.get()}}, token,
                                                                      detail::write_buffers(buffers));
  }

  /// Sends End(0), which finishes the writing side. Reading goes on.
  /// Signature: void(error_code). Completes when End is queued behind the pending write, if there is one, and
  /// behind writes that begin before the handler of the one before has returned. Thus a composed operation
  /// like asio::async_write() is sent as a whole. A writer that does not end by itself must be cancelled
  /// before.
  /// If the peer has dialect G, the End is held back until the peer's End has arrived.
  /// Errors: errc::operation_in_progress while another shutdown is pending, or why the sub-stream or the
  /// session ended.
  /// Cancellation (any type): operation_aborted, nothing is sent.
  template <class Token = asio::use_awaitable_t<>>
  auto async_shutdown(Token&& token = {}) {
    return asio::async_initiate<Token, void(error_code)>(initiate_shutdown{{state_.get()}}, token);
  }

  /// Waits until the sub-stream is cut, and reads no bytes. A program that is still connecting the other side
  /// of a relay uses it to stop early.
  /// Signature: void(error_code), never without an error. Completes when the sub-stream is reset or closed,
  /// or both directions have ended. Errors: the peer's end_code, why the session ended, errc::stream_reset
  /// and the like, asio::error::eof if both sides have ended it in good order, operation_aborted if it is
  /// closed or destroyed before. Cancellation (any type): operation_aborted.
  template <class Token = asio::use_awaitable_t<>>
  auto async_wait_reset(Token&& token = {}) {
    return asio::async_initiate<Token, void(error_code)>(initiate_wait_reset{{state_.get()}}, token);
  }

  /// Cancels each pending operation. They complete with operation_aborted after this call has returned. A
  /// read that has bytes and a write whose bytes were sent complete with them. The sub-stream stays open.
  void cancel();

  /// Ends both directions with a code. What is queued or unread is dropped. Pending operations
  /// complete with errc::stream_reset. After async_shutdown() no code can be sent any more, and what the peer
  /// still sends is discarded.
  void reset(end_code code = end_code::remote_disconnect);

  /// Sends End(0) behind the bytes of successful writes. What the peer still sends is discarded and credited,
  /// up to session_options::discard_limit. A write that waits, or was cancelled with bytes left and not
  /// followed by another write or async_shutdown(), makes it a reset with end_code::remote_disconnect,
  /// because a cut must not look like a clean end. A composed write that is between two of its parts has the
  /// same effect. Pending reads complete with operation_aborted.
  void close();

 private:
  friend struct detail::sub_stream_access;
  friend class sub_datagram;

  struct initiate_read : detail::initiation<detail::stream_state> {
    template <class Handler>
    void operator()(Handler&& handler, detail::read_buffers into) const;
  };
  struct initiate_write : detail::initiation<detail::stream_state> {
    template <class Handler>
    void operator()(Handler&& handler, detail::write_buffers from) const;
  };
  struct initiate_shutdown : detail::initiation<detail::stream_state> {
    template <class Handler>
    void operator()(Handler&& handler) const;
  };
  struct initiate_wait_reset : detail::initiation<detail::stream_state> {
    template <class Handler>
    void operator()(Handler&& handler) const;
  };

  std::size_t read_at_once(const detail::read_buffers& into, error_code& ec);

  explicit sub_stream(detail::ref<detail::stream_state> s) noexcept : state_(std::move(s)) {}

  detail::ref<detail::stream_state> state_;
};

namespace detail {
struct sub_stream_access {
  static sub_stream make(ref<stream_state> s) { return sub_stream(std::move(s)); }
  static const ref<stream_state>& state(const sub_stream& s) { return s.state_; }
};

template <>
struct relay_access<sub_stream> {
  template <class Handler>
  static void flow(sub_stream& s, sink& to, Handler&& handler);
};
}  // namespace detail

}  // namespace muxpro

#include <muxpro/impl/sub_stream.hpp>
