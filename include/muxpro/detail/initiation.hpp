// initiation, the begin of every operation of a handle. Provides the object behind the handle, its executor,
// and the result if there is no object.
#pragma once

#include <muxpro/detail/asio.hpp>
#include <muxpro/detail/pending_op.hpp>
#include <muxpro/error.hpp>

#include <cassert>
#include <concepts>
#include <type_traits>
#include <utility>

namespace muxpro {

class pipe_end;
class sub_stream;

namespace detail {

/// Whether there is an object behind a handle. Debug builds assert that there is one.
template <class Object>
bool is_there(const Object& object) noexcept {
  assert(object && "the handle is empty: it was default-constructed or moved from");
  return static_cast<bool>(object);
}

/// The executor of an empty handle.
const asio::any_io_executor& executor_of_none() noexcept;

template <class Object>
const asio::any_io_executor& executor_of(const Object& object) noexcept {
  return object.executor();
}

/// Base of the function objects that start an operation. Adapters like asio::cancel_after() make their timer
/// with get_executor().
template <class Object>
struct initiation {
  using executor_type = asio::any_io_executor;

  Object* object;

  executor_type get_executor() const noexcept { return object ? executor_of(*object) : executor_of_none(); }
};

/// Completes an operation of an empty handle with errc::bad_handle, by post to the handler's own executor.
template <class... Results, class Handler>
void refuse(Handler&& handler) {
  assert(false && "an operation of an empty handle: it was default-constructed or moved from");
  const auto own = asio::get_associated_executor(handler, executor_of_none());
  const auto why = make_error_code(errc::bad_handle);
  if constexpr (std::is_constructible_v<asio::any_io_executor, decltype(own)>)
    post_completion(std::forward<Handler>(handler), asio::any_io_executor(own), why, Results()...);
  else
    post_completion(std::forward<Handler>(handler), executor_of_none(), why, Results()...);
}

/// Whether a stream is no empty handle of this library.
template <class Stream>
bool is_usable(const Stream& s) noexcept {
  if constexpr (std::same_as<Stream, pipe_end> || std::same_as<Stream, sub_stream>)
    return s.valid();
  else
    return true;
}

}  // namespace detail
}  // namespace muxpro

#if !defined(MUXPRO_SEPARATE_COMPILATION)
#include <muxpro/impl/initiation.ipp>
#endif
