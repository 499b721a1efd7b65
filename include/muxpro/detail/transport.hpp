// The next layer of a session, erased once: one virtual call per read and write of the main connection.
#pragma once

#include <muxpro/detail/asio.hpp>
#include <muxpro/detail/loop.hpp>

#include <asio/redirect_error.hpp>

#include <concepts>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace muxpro {

namespace detail {

/// A gather list as a buffer sequence of its own, so that copies of it are two pointers.
class gather_list {
 public:
  using value_type = asio::const_buffer;
  using const_iterator = const asio::const_buffer*;

  explicit gather_list(std::span<const asio::const_buffer> list) noexcept : list_(list) {}
  const_iterator begin() const noexcept { return list_.data(); }
  const_iterator end() const noexcept { return list_.data() + list_.size(); }

 private:
  std::span<const asio::const_buffer> list_;
};

}  // namespace detail

/// What a session can run over: any type that models Asio's AsyncReadStream and AsyncWriteStream,
/// with completion handlers void(error_code, std::size_t) that are called by their executors and never inside the
/// call that starts the operation.
template <class T>
concept async_stream = requires(T& s, asio::mutable_buffer in, asio::const_buffer out,
                                detail::gather_list gather) {
  { s.get_executor() } -> std::convertible_to<asio::any_io_executor>;
  s.async_read_some(in, asio::use_awaitable);
  s.async_write_some(out, asio::use_awaitable);
  { s.async_read_some(in, std::declval<detail::transfer_step>()) } -> std::same_as<void>;
  { s.async_write_some(gather, std::declval<detail::transfer_step>()) } -> std::same_as<void>;
};

namespace detail {

class transport {
 public:
  virtual ~transport() = default;
  virtual asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, error_code& ec) = 0;
  virtual asio::awaitable<std::size_t> write_some(gather_list from, error_code& ec) = 0;
  /// `done` is called once, by its executor and never inside this call, or destroyed with its context.
  virtual void start_read(asio::mutable_buffer into, transfer_step done) = 0;
  virtual void start_write(gather_list from, transfer_step done) = 0;
  /// Ends both directions; pending operations complete with an error soon after.
  virtual void close() noexcept = 0;
};

/// Closes what can be closed: the stream, or its lowest layer, with or without an error_code.
template <class Stream>
void close_stream(Stream& s) {
  [[maybe_unused]] error_code ignored;
  if constexpr (requires { s.lowest_layer().close(ignored); })
    s.lowest_layer().close(ignored);
  else if constexpr (requires { s.lowest_layer().close(); })
    s.lowest_layer().close();
  else if constexpr (requires { s.close(ignored); })
    s.close(ignored);
  else if constexpr (requires { s.close(); })
    s.close();
}

template <class Stream>
class transport_over final : public transport {
 public:
  explicit transport_over(Stream stream) : stream_(std::move(stream)) {}

  asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, error_code& ec) override {
    co_return co_await stream_.async_read_some(into, asio::redirect_error(asio::use_awaitable, ec));
  }
  asio::awaitable<std::size_t> write_some(gather_list from, error_code& ec) override {
    co_return co_await stream_.async_write_some(from, asio::redirect_error(asio::use_awaitable, ec));
  }
  void start_read(asio::mutable_buffer into, transfer_step done) override {
    stream_.async_read_some(into, std::move(done));
  }
  void start_write(gather_list from, transfer_step done) override {
    stream_.async_write_some(from, std::move(done));
  }
  void close() noexcept override {
    try {
      close_stream(stream_);
    } catch (...) {
      // Nothing can be done about it: the operations end by cancellation.
    }
  }

 private:
  Stream stream_;
};

}  // namespace detail
}  // namespace muxpro
