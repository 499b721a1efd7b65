// One sub-stream of a session: a byte stream for Asio's composed operations. Ring 3.
#pragma once

#include <muxpro/detail/asio.hpp>
#include <muxpro/detail/buffers.hpp>
#include <muxpro/detail/ref.hpp>
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
}  // namespace detail

/// Models AsyncReadStream and AsyncWriteStream: works under asio::async_read, async_write, read_until,
/// asio::ssl::stream<sub_stream>, and as the next layer of another session.
///
/// Use it on its session's strand. One read, one write and one shutdown may be pending at a time.
/// Move-only; destroying one that has not ended resets it with end_code::remote_disconnect.
class sub_stream {
 public:
  using executor_type = asio::any_io_executor;
  using lowest_layer_type = sub_stream;

  /// Empty: every operation but destruction, assignment and is_open() needs a stream from a session.
  sub_stream() noexcept = default;
  sub_stream(sub_stream&&) noexcept = default;
  sub_stream& operator=(sub_stream&& other) noexcept;
  ~sub_stream();

  /// Whether it came from a session and was not moved from.
  bool is_open() const noexcept { return static_cast<bool>(state_); }
  executor_type get_executor() const noexcept;
  lowest_layer_type& lowest_layer() noexcept { return *this; }
  const lowest_layer_type& lowest_layer() const noexcept { return *this; }

  stream_id id() const noexcept;
  /// What New asked for: network, host and port.
  const destination& target() const noexcept;
  std::uint8_t priority() const noexcept;
  /// UDP under 0.1: the GlobalID of New.
  const std::optional<global_id>& source() const noexcept;
  stream_stats stats() const;

  /// Reads what is there, at least one byte.
  /// Signature: void(error_code, std::size_t bytes).
  /// Errors: asio::error::eof only after the peer's End(0) and all its bytes; an end_code if the peer
  /// aborted (unread bytes are dropped); errc::connection_lost and others if the session ended.
  /// Cancellation (any type): operation_aborted, no byte is lost.
  template <class MutableBufferSequence, class Token = asio::use_awaitable_t<>>
  auto async_read_some(const MutableBufferSequence& buffers, Token&& token = {}) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        initiate_read{state_.get()}, token, detail::read_buffers(buffers));
  }

  /// What async_relay() does instead of async_read_some() where the other side can take bytes at once: they go
  /// to `to` as they arrive, past any buffer. Completes when that is full, else as async_read_some(); its
  /// count means nothing.
  template <class Token>
  auto async_flow(detail::sink& to, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(initiate_flow{state_.get()}, token, &to);
  }

  /// Sends the part that the peer's credit and session_options::session_out_buffer allow, at least one byte.
  /// Signature: void(error_code, std::size_t bytes). Completes when the main connection has taken the
  /// bytes, or at once when a few of them were copied; the buffers are used until then. Waits for credit if
  /// there is none.
  /// Errors: as async_read_some(); errc::already_shut_down.
  /// Cancellation (any type): operation_aborted if no byte was sent; if some are on their way already
  /// it completes without error when the main connection has taken them.
  template <class ConstBufferSequence, class Token = asio::use_awaitable_t<>>
  auto async_write_some(const ConstBufferSequence& buffers, Token&& token = {}) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        initiate_write{state_.get()}, token, detail::write_buffers(buffers));
  }

  /// Sends End(0): this side has finished writing; reading goes on.
  /// Signature: void(error_code). Completes when End is queued behind the pending write, if there is one.
  /// Toward a peer of dialect G the End is held back until the peer's.
  /// Cancellation (any type): operation_aborted, nothing is sent.
  template <class Token = asio::use_awaitable_t<>>
  auto async_shutdown(Token&& token = {}) {
    return asio::async_initiate<Token, void(error_code)>(initiate_shutdown{state_.get()}, token);
  }

  /// Waits until the sub-stream is cut, and takes no bytes meanwhile: for whoever prepares the other side
  /// of a relay and should stop when nobody wants it any more.
  /// Signature: void(error_code), never without an error: the peer's end_code, why the session ended,
  /// errc::stream_reset and the like; asio::error::eof when both sides have ended it in good order;
  /// operation_aborted when it is closed or destroyed before.
  /// Cancellation (any type): operation_aborted.
  template <class Token = asio::use_awaitable_t<>>
  auto async_wait_cut(Token&& token = {}) {
    return asio::async_initiate<Token, void(error_code)>(initiate_wait_cut{state_.get()}, token);
  }

  /// Ends both directions with a code; what is queued or unread is dropped. Pending operations
  /// complete with errc::stream_reset. After async_shutdown() no code can be sent any more: what
  /// the peer still sends is discarded.
  void reset(end_code code = end_code::remote_disconnect);

  /// End(0), and what the peer still sends is discarded. A pending write makes it a reset instead:
  /// a cut must not look like a clean end. Pending reads complete with operation_aborted.
  void close();

 private:
  friend struct detail::sub_stream_access;
  friend class sub_datagram;

  struct initiate_read {
    detail::stream_state* s;
    template <class Handler>
    void operator()(Handler&& handler, detail::read_buffers into) const;
  };
  struct initiate_flow {
    detail::stream_state* s;
    template <class Handler>
    void operator()(Handler&& handler, detail::sink* to) const;
  };
  struct initiate_write {
    detail::stream_state* s;
    template <class Handler>
    void operator()(Handler&& handler, detail::write_buffers from) const;
  };
  struct initiate_shutdown {
    detail::stream_state* s;
    template <class Handler>
    void operator()(Handler&& handler) const;
  };
  struct initiate_wait_cut {
    detail::stream_state* s;
    template <class Handler>
    void operator()(Handler&& handler) const;
  };

  explicit sub_stream(detail::ref<detail::stream_state> s) noexcept : state_(std::move(s)) {}

  detail::ref<detail::stream_state> state_;
};

namespace detail {
struct sub_stream_access {
  static sub_stream make(ref<stream_state> s) { return sub_stream(std::move(s)); }
  static const ref<stream_state>& state(const sub_stream& s) { return s.state_; }
};
}  // namespace detail

}  // namespace muxpro

#include <muxpro/impl/sub_stream.hpp>
