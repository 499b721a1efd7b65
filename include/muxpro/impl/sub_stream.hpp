#pragma once

#include <muxpro/detail/session_impl.hpp>
#include <muxpro/sub_stream.hpp>

namespace muxpro {

inline const asio::any_io_executor& detail::executor_of(const stream_state& s) noexcept {
  return s.session()->executor();
}

// Inline, because every step of an operation that returns a handle destroys one that was moved from.
inline sub_stream::~sub_stream() {
  if (auto* const s = state_.detach()) detail::stream_state::abandon(s);
}

template <class Handler>
void sub_stream::initiate_read::operator()(Handler&& handler, detail::read_buffers into) const {
  auto* const s = object;
  if (!s) return detail::refuse<std::size_t>(std::forward<Handler>(handler));
  s->session()->operation_begins();
  const auto& executor = s->session()->executor();
  error_code ec;
  std::size_t n = 0;
  if (s->read_now(into, ec, n)) {
    detail::post_completion(std::forward<Handler>(handler), executor, ec, n);
    return;
  }
  const auto cancel = detail::cancel_by<&detail::stream_state::cancel_read>(s);
  s->start_read(
      detail::make_pending_op<detail::copying_read>(std::forward<Handler>(handler), executor, cancel, into));
}

template <class Handler>
void detail::relay_access<sub_stream>::flow(sub_stream& stream, sink& to, Handler&& handler) {
  auto* const s = sub_stream_access::state(stream).get();
  if (!s) return refuse<std::size_t>(std::forward<Handler>(handler));
  s->session()->operation_begins();
  const auto& executor = s->session()->executor();
  error_code ec;
  std::size_t n = 0;
  if (s->flow_now(to, ec, n)) {
    post_completion(std::forward<Handler>(handler), executor, ec, n);
    return;
  }
  const auto cancel = cancel_by<&stream_state::cancel_read>(s);
  s->start_read(make_pending_op<flow_op>(std::forward<Handler>(handler), executor, cancel, to));
}

template <class Handler>
void sub_stream::initiate_write::operator()(Handler&& handler, detail::write_buffers from) const {
  auto* const s = object;
  if (!s) return detail::refuse<std::size_t>(std::forward<Handler>(handler));
  s->session()->operation_begins();
  const auto& executor = s->session()->executor();
  const error_code ec = s->check_write();
  if (ec || from.size() == 0) {
    detail::post_completion(std::forward<Handler>(handler), executor, ec, std::size_t{0});
    return;
  }
  if (s->stage(from)) {
    const auto session = s->session();
    detail::post_guarded(detail::write_completion(*s), std::forward<Handler>(handler), executor, error_code(),
                         from.size());
    session->wake_writer();  // after the handler, so that what it writes shares the gather write
    return;
  }
  const auto cancel = detail::cancel_by<&detail::stream_state::cancel_write>(s);
  s->start_write(
      detail::make_pending_op<detail::write_op>(std::forward<Handler>(handler), executor, cancel, *s, from));
}

template <class Handler>
void sub_stream::initiate_shutdown::operator()(Handler&& handler) const {
  auto* const s = object;
  if (!s) return detail::refuse(std::forward<Handler>(handler));
  s->session()->operation_begins();
  const auto& executor = s->session()->executor();
  error_code ec;
  if (s->shutdown_now(ec)) {
    detail::post_completion(std::forward<Handler>(handler), executor, ec);
    return;
  }
  const auto cancel = detail::cancel_by<&detail::stream_state::cancel_shutdown>(s);
  s->start_shutdown(
      detail::make_pending_op<detail::shutdown_op>(std::forward<Handler>(handler), executor, cancel));
}

template <class Handler>
void sub_stream::initiate_wait_reset::operator()(Handler&& handler) const {
  auto* const s = object;
  if (!s) return detail::refuse(std::forward<Handler>(handler));
  s->session()->operation_begins();
  const auto& executor = s->session()->executor();
  error_code ec;
  if (s->cut_now(ec)) {
    detail::post_completion(std::forward<Handler>(handler), executor, ec);
    return;
  }
  const auto cancel = detail::cancel_by<&detail::stream_state::cancel_wait_reset>(s);
  s->start_wait_reset(
      detail::make_pending_op<detail::wait_reset_op>(std::forward<Handler>(handler), executor, cancel));
}

inline std::size_t sub_stream::read_at_once(const detail::read_buffers& into, error_code& ec) {
  if (!detail::is_there(state_)) return ec = errc::bad_handle, 0;
  state_->session()->operation_begins();
  std::size_t n = 0;
  if (!state_->read_now(into, ec, n)) ec = asio::error::would_block;
  return n;
}

}  // namespace muxpro

#if !defined(MUXPRO_SEPARATE_COMPILATION)
#include <muxpro/impl/sub_stream.ipp>
#endif
