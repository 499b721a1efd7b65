// client_pool, which opens sub-streams over several main connections and dials, balances and replaces these.
// Ring 3.
#pragma once

#include <muxpro/client_pool_options.hpp>
#include <muxpro/detail/pool_impl.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace muxpro {

/// The pool and the dialer's streams belong to one strand, that of `executor`.
///
///   asio::awaitable<tcp::socket> dial(tcp::endpoint server) {
///     tcp::socket socket(co_await asio::this_coro::executor);
///     co_await socket.async_connect(server, asio::use_awaitable);
///     co_return socket;
///   }
///   muxpro::client_pool pool(executor, [server] { return dial(server); });
///   auto stream = co_await pool.async_open({{muxpro::network::tcp, "example.com", 443}});
///
/// The destructor closes the pool. The execution context may be destroyed first. Pending handlers are then
/// destroyed without being called.
class client_pool {
 public:
  using executor_type = asio::any_io_executor;

  /// `dial` returns asio::awaitable<Stream>, a connected stream for a session with options.session, or
  /// asio::awaitable<session>, a client session that is not negotiated yet, if the type of the stream is
  /// determined at run time. It fails by an exception. std::system_error carries the reason. It is cancelled
  /// (terminal) after dial_timeout, and it is called again only as client_pool_options allow. Throws
  /// std::invalid_argument with the sentence of client_pool_options::validate().
  template <class Dial>
  requires detail::dials<Dial> client_pool(asio::any_io_executor executor, Dial dial,
                                           client_pool_options options = {}) {
    if (const std::string mistake = options.validate(); !mistake.empty())
      throw std::invalid_argument(mistake);
    impl_ = std::make_shared<detail::pool_impl>(std::move(executor),
                                                std::make_unique<detail::dialer_over<Dial>>(std::move(dial)),
                                                std::move(options));
  }
  /// Reports at compile time that the dialer returns streams of Boost.Asio.
  template <class Dial>
  requires detail::of_boost_asio<std::invoke_result_t<Dial&>> client_pool(asio::any_io_executor, Dial,
                                                                          client_pool_options = {}) {
    [[maybe_unused]] detail::boost_asio_is_refused<std::invoke_result_t<Dial&>> sentence;
  }
  client_pool() noexcept = default;
  client_pool(client_pool&&) noexcept = default;
  client_pool& operator=(client_pool&& other) noexcept {
    if (this != &other) {
      close();
      impl_ = std::move(other.impl_);
    }
    return *this;
  }
  ~client_pool() { close(); }

  /// Returns whether this handle has a pool, that is whether it was neither default-constructed nor moved
  /// from. Every operation on an empty handle is misuse. Debug builds assert. In other builds asynchronous
  /// operations complete with errc::bad_handle, and functions that return a value return an empty one.
  /// close() and destruction have no effect on an empty handle.
  bool valid() const noexcept { return static_cast<bool>(impl_); }
  executor_type get_executor() const noexcept {
    return detail::is_there(impl_) ? impl_->executor() : detail::executor_of_none();
  }
  client_pool_stats stats() const { return detail::is_there(impl_) ? impl_->report() : client_pool_stats(); }
  /// Each main connection and each dial, in the order of the dials.
  std::vector<pool_connection> connections() const {
    return detail::is_there(impl_) ? impl_->report_connections() : std::vector<pool_connection>();
  }
  /// Of each main connection that is up, in the order of their dials.
  std::vector<session_stats> sessions() const {
    return detail::is_there(impl_) ? impl_->report_sessions() : std::vector<session_stats>();
  }

  /// Opens a sub-stream on the least loaded main connection that has room, or dials a new one.
  /// Signature: void(error_code, sub_stream). Completes in the order of the calls, when New is queued.
  /// Errors: those of session::async_open() that are the request's fault. If the dial failed and no other
  /// connection can serve the open, asio::error::timed_out, errc::not_muxpro, the code of the
  /// std::system_error that the dialer threw, or errc::dial_failed for any other exception
  /// (client_pool_stats::last_failure has the text). errc::pool_exhausted if max_waiting opens wait already,
  /// or after close(). errc::draining. A connection that turns out to be dead before New was queued is no
  /// error. The next one is tried, four times at most. New is sent at once. If the main connection breaks
  /// after that, the sub-stream reports it. Cancellation (any type): operation_aborted while it waits. Its
  /// place goes to the next one.
  template <class Token = asio::use_awaitable_t<>>
  auto async_open(open_request request, Token&& token = {}) {
    return asio::async_initiate<Token, void(error_code, sub_stream)>(initiate_open{{impl_.get()}}, token,
                                                                     std::move(request));
  }

  /// Does what async_open() does if it can be done at once. Then returns true, and either opens `stream` or
  /// sets `ec`. Returns false if it would wait. `request` is unchanged then.
  bool try_open(open_request& request, error_code& ec, sub_stream& stream) {
    if (!detail::is_there(impl_)) return ec = errc::bad_handle, true;
    impl_->operation_begins();
    const bool done = impl_->open_now(request, ec, stream);
    impl_->flush();
    if (!done) ec = {};  // of a connection that turned out to be dead
    return done;
  }

  /// Stops opening sub-streams. Opens that wait end with errc::draining, and dials are cancelled. Completes
  /// when the last sub-stream has ended and every connection is closed, each in good order as by
  /// session::async_close(). Signature: void(error_code). Errors: errc::pool_exhausted if close() comes
  /// first. Cancellation (any type): operation_aborted. The pool goes on draining.
  template <class Token = asio::use_awaitable_t<>>
  auto async_drain(Token&& token = {}) {
    return asio::async_initiate<Token, void(error_code)>(
        detail::initiate_drain<detail::pool_impl>{{impl_.get()}}, token);
  }

  /// Pending async_open() and async_drain() complete with operation_aborted, after this call has returned.
  /// The pool stays open.
  void cancel() {
    if (detail::is_there(impl_)) impl_->cancel();
  }

  /// Closes every main connection at once. Sub-streams end with errc::session_closed, waiting opens with
  /// errc::pool_exhausted. Handlers are called after this call has returned.
  void close() noexcept {
    if (impl_) impl_->close();
  }

 private:
  struct initiate_open : detail::initiation<detail::pool_impl> {
    template <class Handler>
    void operator()(Handler&& handler, open_request request) const {
      auto* const impl = object;
      if (!impl) return detail::refuse<sub_stream>(std::forward<Handler>(handler));
      impl->operation_begins();
      error_code ec;
      sub_stream stream;
      if (impl->open_now(request, ec, stream)) {
        detail::post_completion(std::forward<Handler>(handler), impl->executor(), ec, std::move(stream));
        impl->flush();
        return;
      }
      const auto cancel = detail::cancel_by<&detail::pool_impl::cancel_open>(impl);
      impl->start_open(detail::make_pending_op<detail::pool_impl::waiting_open>(
          std::forward<Handler>(handler), impl->executor(), cancel, std::move(request)));
    }
  };

  std::shared_ptr<detail::pool_impl> impl_;
};

}  // namespace muxpro
