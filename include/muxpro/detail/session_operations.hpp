// initiate_end and others: begin the operations of a session, which complete at once or wait.
#pragma once

#include <muxpro/detail/initiation.hpp>
#include <muxpro/detail/session_impl.hpp>
#include <muxpro/sub_stream.hpp>

#include <utility>

namespace muxpro::detail {

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

/// An operation that ends at once or waits in a list, for async_close() of a session, and async_drain() of a
/// session or a pool.
template <class Impl, bool (Impl::*Now)(error_code&), void (Impl::*Start)(drain_op*)>
struct initiate_end : initiation<Impl> {
  template <class Handler>
  void operator()(Handler&& handler) const {
    Impl* const impl = this->object;
    if (!impl) return refuse(std::forward<Handler>(handler));
    impl->operation_begins();
    error_code ec;
    if ((impl->*Now)(ec)) {
      post_completion(std::forward<Handler>(handler), impl->executor(), ec);
      return;
    }
    (impl->*Start)(
        make_pending_op<drain_op>(std::forward<Handler>(handler), impl->executor(), abort_waiting{}));
  }
};
using initiate_close = initiate_end<session_impl, &session_impl::close_now, &session_impl::start_close>;
template <class Impl>
using initiate_drain = initiate_end<Impl, &Impl::drain_now, &Impl::start_drain>;

/// The cancellation of an operation that the life of the session depends on.
struct close_session {
  session_impl* session;
  void operator()(result_op*) const { session->close(asio::error::operation_aborted); }
};

/// async_handshake() and async_run().
template <void (session_impl::*Start)(result_op*)>
struct initiate_life : initiation<session_impl> {
  template <class Handler>
  void operator()(Handler&& handler) const {
    auto* const impl = object;
    if (!impl) return refuse(std::forward<Handler>(handler));
    impl->operation_begins();
    (impl->*Start)(
        make_pending_op<result_op>(std::forward<Handler>(handler), impl->executor(), close_session{impl}));
  }
};
using initiate_handshake = initiate_life<&session_impl::start_handshake>;
using initiate_run = initiate_life<&session_impl::start_run>;

struct initiate_open : initiation<session_impl> {
  template <class Handler>
  void operator()(Handler&& handler, open_request request) const {
    auto* const impl = object;
    if (!impl) return refuse<sub_stream>(std::forward<Handler>(handler));
    impl->operation_begins();
    error_code ec;
    sub_stream stream;
    impl->serve_waiting_opens();
    if (impl->open_now(request, ec, stream)) {
      post_completion(std::forward<Handler>(handler), impl->executor(), ec, std::move(stream));
      impl->wake_writer();  // after the handler, so that its first write shares the gather write of New
      return;
    }
    impl->start_open(make_pending_op<open_op>(std::forward<Handler>(handler), impl->executor(),
                                              abort_waiting{}, std::move(request)));
  }
};

struct initiate_accept : initiation<session_impl> {
  template <class Handler>
  void operator()(Handler&& handler) const {
    auto* const impl = object;
    if (!impl) return refuse<sub_stream>(std::forward<Handler>(handler));
    impl->operation_begins();
    error_code ec;
    sub_stream stream;
    if (impl->accept_now(ec, stream)) {
      post_completion(std::forward<Handler>(handler), impl->executor(), ec, std::move(stream));
      return;
    }
    impl->start_accept(
        make_pending_op<accept_op>(std::forward<Handler>(handler), impl->executor(), abort_waiting{}));
  }
};

}  // namespace muxpro::detail
