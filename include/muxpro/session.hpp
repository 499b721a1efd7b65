// A Mux.Pro session over any Asio stream: version negotiation, sub-streams, credit, priorities. Ring 3.
#pragma once

#include <muxpro/detail/session_impl.hpp>
#include <muxpro/detail/transport.hpp>
#include <muxpro/options.hpp>
#include <muxpro/stats.hpp>
#include <muxpro/sub_stream.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

namespace muxpro {
namespace detail {

struct session_access;

/// The reaction to cancellation of an operation that only waits in a list.
struct abort_waiting {
  void operator()(drain_op* op) const {
    op->unlink();
    op->complete(asio::error::operation_aborted);
  }
  template <class Op>
  void operator()(Op* op) const {
    op->unlink();
    op->complete(asio::error::operation_aborted, sub_stream());
  }
};

/// async_drain() of a session or a pool.
template <class Impl>
struct initiate_drain {
  Impl* impl;
  template <class Handler>
  void operator()(Handler&& handler) const {
    error_code ec;
    if (impl->drain_now(ec)) {
      post_completion(std::forward<Handler>(handler), impl->executor(), ec);
      return;
    }
    impl->start_drain(park<drain_op>(std::forward<Handler>(handler), impl->executor(), abort_waiting{}));
  }
};

}  // namespace detail

/// One main connection. Its executor is the next layer's; the session and all its sub-streams are used
/// on that executor only, which must be a strand or run by one thread. Sessions are independent.
///
///   muxpro::session s(std::move(socket), muxpro::role::client);
///   co_await s.async_handshake();
///   asio::co_spawn(ex, s.async_run(), asio::detached);
///   auto stream = co_await s.async_open({{muxpro::network::tcp, "example.com", 443}});
///
/// Destroying it closes it. Destroying the execution context first is legal: what waits is dropped.
class session {
 public:
  using executor_type = asio::any_io_executor;

  /// Takes over `next_layer`: a socket, a TLS stream, a pipe_end, a sub_stream, a user's type.
  /// Throws std::invalid_argument with the sentence of session_options::validate().
  template <class Stream>
    requires(async_stream<Stream> && !std::same_as<Stream, session>)
  session(Stream next_layer, role side, session_options options = {}) {
    if (const std::string mistake = options.validate(); !mistake.empty()) throw std::invalid_argument(mistake);
    asio::any_io_executor executor = next_layer.get_executor();
    auto transport = std::make_unique<detail::transport_over<Stream>>(std::move(next_layer));
    impl_ = std::make_shared<detail::session_impl>(std::move(transport), std::move(executor), side,
                                                   std::move(options));
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

  executor_type get_executor() const noexcept { return impl_->executor(); }
  /// Set once the negotiation is over.
  std::optional<version> negotiated() const noexcept { return impl_->agreed(); }
  session_stats stats() const { return impl_->report(); }

  /// Negotiates the version, within session_options::negotiate_timeout from now.
  /// Signature: void(error_code). Errors: errc::not_muxpro, no_common_version, negotiate_timeout,
  /// connection_lost, or what the next layer reports; the session is closed then.
  /// Cancellation (any type): closes the session.
  template <class Token = asio::use_awaitable_t<>>
  auto async_handshake(Token&& token = {}) {
    return asio::async_initiate<Token, void(error_code)>(initiate_handshake{impl_.get()}, token);
  }

  /// Moves bytes until the session ends; negotiates first if async_handshake() was not called.
  /// Signature: void(error_code). Its result is the session's fate: no error after close() or when the
  /// peer left without open sub-streams, else what went wrong; sub-streams fail with the same code.
  /// Cancellation (any type): like close().
  template <class Token = asio::use_awaitable_t<>>
  auto async_run(Token&& token = {}) {
    return asio::async_initiate<Token, void(error_code)>(initiate_run{impl_.get()}, token);
  }

  /// Client: opens a sub-stream. Waits for the negotiation, not for the peer: Mux.Pro has no answer to
  /// New, so a target that cannot be reached shows as an end_code on the first read.
  /// Signature: void(error_code, sub_stream). New is queued when it completes.
  /// Errors: errc::too_many_streams, draining, bad_host, datagram_too_large (first data), or why the
  /// session closed; no byte was sent then.
  /// Cancellation (any type): operation_aborted while it waits.
  template <class Token = asio::use_awaitable_t<>>
  auto async_open(open_request request, Token&& token = {}) {
    return asio::async_initiate<Token, void(error_code, sub_stream)>(initiate_open{impl_.get()}, token,
                                                                     std::move(request));
  }

  /// Server: the next sub-stream that the peer opened.
  /// Signature: void(error_code, sub_stream). Errors: why the session closed.
  /// Cancellation (any type): operation_aborted; no sub-stream is lost.
  template <class Token = asio::use_awaitable_t<>>
  auto async_accept(Token&& token = {}) {
    return asio::async_initiate<Token, void(error_code, sub_stream)>(initiate_accept{impl_.get()}, token);
  }

  /// Opens and accepts nothing new (a server ends further News with code 4), and waits until the last
  /// sub-stream has ended and everything is sent. The session stays; close() it then.
  /// Signature: void(error_code). Errors: why the session closed earlier.
  /// Cancellation (any type): operation_aborted; the session goes on draining.
  template <class Token = asio::use_awaitable_t<>>
  auto async_drain(Token&& token = {}) {
    return asio::async_initiate<Token, void(error_code)>(detail::initiate_drain<detail::session_impl>{impl_.get()}, token);
  }

  /// Ends the main connection at once. Every pending operation completes, none inside this call.
  void close() noexcept {
    if (impl_) impl_->close(errc::session_closed);
  }

 private:
  friend struct detail::session_access;

  struct initiate_handshake {
    detail::session_impl* impl;
    template <class Handler>
    void operator()(Handler&& handler) const {
      auto cancel = [s = impl](detail::result_op*) { s->close(asio::error::operation_aborted); };
      impl->start_handshake(
          detail::park<detail::result_op>(std::forward<Handler>(handler), impl->executor(), cancel));
    }
  };
  struct initiate_run {
    detail::session_impl* impl;
    template <class Handler>
    void operator()(Handler&& handler) const {
      auto cancel = [s = impl](detail::result_op*) { s->close(asio::error::operation_aborted); };
      impl->start_run(
          detail::park<detail::result_op>(std::forward<Handler>(handler), impl->executor(), cancel));
    }
  };
  struct initiate_open {
    detail::session_impl* impl;
    template <class Handler>
    void operator()(Handler&& handler, open_request request) const {
      error_code ec;
      sub_stream stream;
      if (impl->open_now(request, ec, stream)) {
        detail::post_completion(std::forward<Handler>(handler), impl->executor(), ec, std::move(stream));
        impl->wake_writer();  // after the handler: its first write shares New's gather write
        return;
      }
      impl->start_open(detail::park<detail::open_op>(std::forward<Handler>(handler), impl->executor(),
                                                     detail::abort_waiting{}, std::move(request)));
    }
  };
  struct initiate_accept {
    detail::session_impl* impl;
    template <class Handler>
    void operator()(Handler&& handler) const {
      error_code ec;
      sub_stream stream;
      if (impl->accept_now(ec, stream)) {
        detail::post_completion(std::forward<Handler>(handler), impl->executor(), ec, std::move(stream));
        return;
      }
      impl->start_accept(detail::park<detail::accept_op>(std::forward<Handler>(handler), impl->executor(),
                                                         detail::abort_waiting{}));
    }
  };

  std::shared_ptr<detail::session_impl> impl_;
};

namespace detail {
struct session_access {
  static session_impl& impl(const session& s) noexcept { return *s.impl_; }
};
}  // namespace detail

}  // namespace muxpro
