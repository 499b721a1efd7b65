// session, a Mux.Pro session over any Asio stream, with version negotiation, sub-streams, credit and
// priorities. Ring 3.
#pragma once

#include <muxpro/detail/byte_stream.hpp>
#include <muxpro/detail/initiation.hpp>
#include <muxpro/detail/session_impl.hpp>
#include <muxpro/detail/session_operations.hpp>
#include <muxpro/options.hpp>
#include <muxpro/stats.hpp>
#include <muxpro/sub_stream.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <typeinfo>
#include <utility>

namespace muxpro {
namespace detail {

struct session_access;

}  // namespace detail

/// One main connection. It uses the executor of its next layer. The session and all its sub-streams are used
/// on that executor only, which must be a strand or run by one thread. Sessions are independent.
///
///   muxpro::session s(std::move(socket), muxpro::role::client);
///   co_await s.async_handshake();
///   asio::co_spawn(ex, s.async_run(), asio::detached);
///   auto stream = co_await s.async_open({{muxpro::network::tcp, "example.com", 443}});
///
// clang-format off
/// The ways to end a sub-stream, a session and a pool:
///
/// | call                          | what the peer sees                           | what this side loses          |
/// |-------------------------------|----------------------------------------------|-------------------------------|
/// | sub_stream::async_shutdown()  | all bytes, then EOF; it may go on sending    | -                             |
/// | sub_stream::close(), or its   | all bytes of completed writes, then EOF; a   | what the peer still sends     |
/// | destruction                   | reset if a write waits or was cut short      |                               |
/// | sub_stream::reset(code)       | `code`; queued bytes are lost on both sides  | what was not read             |
/// | session::async_drain()        | New is refused (server); open ones go on     | -                             |
/// | session::async_close()        | EOF (TLS: close_notify) behind everything    | open sub-streams: resets      |
/// | session::close(), or its      | a cut of every open sub-stream               | everything that is under way  |
/// | destruction                   |                                              |                               |
/// | client_pool::async_drain()    | of each session: async_drain, async_close    | -                             |
/// | client_pool::close()          | of each session: close()                     | everything that is under way  |
// clang-format on
///
/// To lose no data, call async_shutdown() on each sub-stream, read it to its EOF, call async_drain() on the
/// session or the pool, call async_close() on the session, then destroy it. A read on a sub-stream
/// distinguishes the same ways of the peer. It returns asio::error::eof after the peer has finished, an
/// end_code after a reset, and another error if the session ended before. async_run() completes without an
/// error if the main connection ended between frames without sub-streams, by the EOF of its next layer. A
/// reset at that point is the same over TCP and pipes, and an error over TLS. The execution context may be
/// destroyed before all of them. Pending handlers are then destroyed without being called.
class session {
 public:
  using executor_type = asio::any_io_executor;

  /// Takes over `next_layer`, which may be a socket, a TLS stream, a pipe_end, a sub_stream or a user's type.
  /// Throws std::invalid_argument with the sentence of session_options::validate(), or if `next_layer` is an
  /// empty pipe_end or sub_stream.
  template <class Stream>
  requires(async_stream<Stream> && !std::same_as<Stream, session>)
      session(Stream next_layer, role side, session_options options = {}) {
    if (const std::string mistake = options.validate(); !mistake.empty())
      throw std::invalid_argument(mistake);
    if (!detail::is_usable(next_layer))
      throw std::invalid_argument("the next layer of a session is an empty handle");
    if (options.tcp_no_delay) detail::set_no_delay(next_layer);
    asio::any_io_executor executor = next_layer.get_executor();
    auto stream = std::make_unique<detail::byte_stream_over<Stream>>(std::move(next_layer));
    impl_ = std::make_shared<detail::session_impl>(std::move(stream), std::move(executor), side,
                                                   std::move(options));
  }
  /// Reports at compile time that the stream is one of Boost.Asio.
  template <class Stream>
  requires detail::of_boost_asio<Stream> session(Stream, role, session_options = {}) {
    [[maybe_unused]] detail::boost_asio_is_refused<Stream> sentence;
  }
  session() noexcept = default;
  session(session&&) noexcept = default;
  session& operator=(session&& other) noexcept {
    if (this != &other) {
      close();
      impl_ = std::move(other.impl_);
    }
    return *this;
  }
  ~session() { close(); }

  /// Returns whether this handle has a session, that is whether it was neither default-constructed nor moved
  /// from. Every operation on an empty handle is misuse. Debug builds assert. In other builds asynchronous
  /// operations complete with errc::bad_handle, and functions that return a value return an empty one.
  /// close() and destruction have no effect on an empty handle.
  bool valid() const noexcept { return static_cast<bool>(impl_); }
  /// Whether the session has not ended. A session that was not run yet is open. An empty handle is not.
  bool is_open() const noexcept { return impl_ && !impl_->closed(); }
  /// Returns why the session has ended, also after async_run() has completed. That is errc::session_closed
  /// after close() or when the peer left without open sub-streams, else the error. Returns no error while the
  /// session is open.
  error_code close_reason() const noexcept { return detail::is_there(impl_) ? impl_->fate() : error_code(); }
  executor_type get_executor() const noexcept {
    return detail::is_there(impl_) ? impl_->executor() : detail::executor_of_none();
  }
  /// Set once the negotiation is over.
  std::optional<version> negotiated() const noexcept {
    return detail::is_there(impl_) ? impl_->agreed() : std::nullopt;
  }
  session_stats stats() const { return detail::is_there(impl_) ? impl_->report() : session_stats(); }

  /// Returns the stream that the session was given, or null if its type is not `Stream`. The session reads,
  /// writes and closes it. The caller may only inspect it and set its options. The pointer is valid until the
  /// session ends, that is until async_run() completes, or until close() if it never ran. Returns null after
  /// the session has ended.
  ///
  ///   if (auto* socket = s.next_layer<tcp::socket>()) log(socket->remote_endpoint());
  template <class Stream>
  Stream* next_layer() noexcept {
    return detail::is_there(impl_) ? static_cast<Stream*>(impl_->next_layer(typeid(Stream))) : nullptr;
  }
  /// Returns the first layer whose type is `Layer`, from the next layer down, for example the tcp::socket
  /// below a TLS stream, or its lowest_layer_type. Otherwise like next_layer().
  template <class Layer>
  Layer* lowest_layer() noexcept {
    return detail::is_there(impl_) ? static_cast<Layer*>(impl_->any_layer(typeid(Layer))) : nullptr;
  }

  /// Negotiates the version, within session_options::negotiate_timeout from now.
  /// Signature: void(error_code). Completes when both sides have agreed on a version, or the session is
  /// closed.
  /// Errors: errc::not_muxpro, no_common_version, negotiate_timeout, connection_lost, or what the next layer
  /// reports. The session is closed then.
  /// Cancellation (any type): closes the session.
  template <class Token = asio::use_awaitable_t<>>
  auto async_handshake(Token&& token = {}) {
    return asio::async_initiate<Token, void(error_code)>(detail::initiate_handshake{{impl_.get()}}, token);
  }

  /// Moves bytes until the session ends. Negotiates first if async_handshake() was not called.
  /// Signature: void(error_code). Completes when the session has ended.
  /// Errors: the error that ended the session. Sub-streams fail with the same code. No error after close() or
  /// when the peer left without open sub-streams.
  /// Cancellation (any type): like close().
  template <class Token = asio::use_awaitable_t<>>
  auto async_run(Token&& token = {}) {
    return asio::async_initiate<Token, void(error_code)>(detail::initiate_run{{impl_.get()}}, token);
  }

  /// Opens a sub-stream. Only a client calls it. Waits for the negotiation, not for the peer. Mux.Pro has no
  /// answer to New, so the first read reports an end_code if the target cannot be reached.
  /// Signature: void(error_code, sub_stream). New is queued when it completes.
  /// Errors: errc::too_many_streams (with open_request::wait_for_room it waits instead), draining, bad_host,
  /// datagram_too_large (first data), or why the session closed. No byte was sent then.
  /// Cancellation (any type): operation_aborted while it waits.
  /// Without async_run() it waits for session_options::negotiate_timeout, and then the session is closed with
  /// errc::not_running. The session is closed in the same way if data is left to send. This applies to
  /// async_accept() too.
  template <class Token = asio::use_awaitable_t<>>
  auto async_open(open_request request, Token&& token = {}) {
    return asio::async_initiate<Token, void(error_code, sub_stream)>(detail::initiate_open{{impl_.get()}},
                                                                     token, std::move(request));
  }

  /// Returns the next sub-stream that the peer opened. Only a server calls it.
  /// Signature: void(error_code, sub_stream). Completes when a New of the peer has arrived.
  /// Errors: why the session closed.
  /// Cancellation (any type): operation_aborted. No sub-stream is lost.
  template <class Token = asio::use_awaitable_t<>>
  auto async_accept(Token&& token = {}) {
    return asio::async_initiate<Token, void(error_code, sub_stream)>(detail::initiate_accept{{impl_.get()}},
                                                                     token);
  }

  /// Stops opening and accepting sub-streams. A server ends further News with code 4. The session stays open
  /// until async_close().
  /// Signature: void(error_code). Completes when the last sub-stream has ended and everything is sent.
  /// Errors: why the session closed earlier.
  /// Cancellation (any type): operation_aborted. The session goes on draining.
  template <class Token = asio::use_awaitable_t<>>
  auto async_drain(Token&& token = {}) {
    return asio::async_initiate<Token, void(error_code)>(
        detail::initiate_drain<detail::session_impl>{{impl_.get()}}, token);
  }

  /// Ends the session in good order, within session_options::close_timeout. Opens and accepts no further
  /// sub-streams. Sub-streams that this side has not finished are reset with end_code::remote_disconnect, and
  /// their operations fail with errc::session_closed. Call async_drain() first to let them end. When
  /// everything is sent and the peer has ended the others, too, EOF goes to the peer (close_notify over
  /// asio::ssl::stream, FIN over TCP), and the peer's EOF is awaited. Signature: void(error_code). Completes
  /// when the session is closed. Errors: errc::close_timeout if it took longer, and the main connection was
  /// cut, errc::session_closed if close() was called before, or why the session ended. No error if it was
  /// closed in good order already. Before async_run() it is the same as close(). A layer that has neither
  /// shutdown() nor async_shutdown() gets no EOF. Cancellation (any type): operation_aborted. The session
  /// goes on closing.
  template <class Token = asio::use_awaitable_t<>>
  auto async_close(Token&& token = {}) {
    return asio::async_initiate<Token, void(error_code)>(detail::initiate_close{{impl_.get()}}, token);
  }

  /// Pending async_open(), async_accept(), async_drain() and async_close() complete with operation_aborted,
  /// after this call has returned. The effect is that of cancelling each of them.
  void cancel() {
    if (detail::is_there(impl_)) impl_->cancel();
  }

  /// Ends the main connection at once. Every pending operation completes after this call has returned. Over
  /// TLS the peer detects the truncation.
  void close() noexcept {
    if (impl_) impl_->close(errc::session_closed);
  }

 private:
  friend struct detail::session_access;

  std::shared_ptr<detail::session_impl> impl_;
};

namespace detail {
struct session_access {
  static session_impl& impl(const session& s) noexcept { return *s.impl_; }
};
}  // namespace detail

}  // namespace muxpro
