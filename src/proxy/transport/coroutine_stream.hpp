// A stream whose operations are coroutines of the object behind it. Ring 4.
#pragma once

#include "proxy/transport/coroutine_operation.hpp"

#include <muxpro/frame.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>

#include <cstddef>
#include <memory>
#include <system_error>
#include <utility>

namespace muxpro::proxy {

/// A core that is closed when its stream goes. Belongs to one strand.
class stream_coroutines {
 public:
  static constexpr bool closes_with_stream = true;

  virtual ~stream_coroutines() = default;
  virtual asio::any_io_executor get_executor() = 0;
  /// As connection::read_some(). `into` has room.
  virtual asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, std::error_code& ec) = 0;
  /// As connection::write().
  virtual asio::awaitable<void> write(asio::const_buffer from, std::error_code& ec) = 0;
  /// As connection::finish().
  virtual asio::awaitable<void> finish() = 0;
  virtual void cut(end_code code) noexcept = 0;
  virtual void close() noexcept = 0;
};

/// For layers that cost a few operations of a connection. `Core` has get_executor(), read_some(), write(),
/// finish(), cut() and close() as a connection has them. The stream and its operations hold it. With a static
/// closes_with_stream it is closed when the stream goes.
template <class Core>
class coroutine_stream {
 public:
  using executor_type = asio::any_io_executor;
  using lowest_layer_type = coroutine_stream;

  explicit coroutine_stream(std::shared_ptr<Core> c) noexcept : core_(std::move(c)) {}
  coroutine_stream(coroutine_stream&&) noexcept = default;
  coroutine_stream& operator=(coroutine_stream&& other) noexcept {
    std::swap(core_, other.core_);
    return *this;
  }
  ~coroutine_stream() {
    if constexpr (requires { Core::closes_with_stream; })
      if (core_) core_->close();
  }

  executor_type get_executor() const { return core_->get_executor(); }
  lowest_layer_type& lowest_layer() noexcept { return *this; }

  /// Signature: void(std::error_code, std::size_t). Completes with one byte at least in the first buffer that
  /// is not empty, or with 0 if all are empty. Errors and cancellation: Core::read_some().
  template <class Buffers, class Token>
  auto async_read_some(const Buffers& into, Token&& token) {
    return asio::async_initiate<Token, void(std::error_code, std::size_t)>(
        start<transfer_operation>{core_}, token, &read, first_of<asio::mutable_buffer>(into));
  }
  /// Writes the first buffer that is not empty. Signature: void(std::error_code, std::size_t). Errors and
  /// cancellation: Core::write().
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& from, Token&& token) {
    return asio::async_initiate<Token, void(std::error_code, std::size_t)>(
        start<transfer_operation>{core_}, token, &write, first_of<asio::const_buffer>(from));
  }
  /// Signature: void(std::error_code). Completes when the core has taken EOF. Errors: none. Cancellation:
  /// Core::finish().
  template <class Token>
  auto async_shutdown(Token&& token) {
    return asio::async_initiate<Token, void(std::error_code)>(start<end_operation>{core_}, token, &end,
                                                              asio::const_buffer());
  }
  void reset(end_code code) noexcept { core_->cut(code); }
  void close() noexcept { core_->close(); }

 private:
  // Parameters of a coroutine live as long as it, unlike captures.
  static asio::awaitable<transferred> read(std::shared_ptr<Core> c, asio::mutable_buffer into) {
    transferred out;
    if (into.size() > 0) out.bytes = co_await c->read_some(into, out.ec);
    co_return out;
  }
  static asio::awaitable<transferred> write(std::shared_ptr<Core> c, asio::const_buffer from) {
    transferred out;
    if (from.size() > 0) co_await c->write(from, out.ec);
    out.bytes = out.ec ? 0 : from.size();
    co_return out;
  }
  static asio::awaitable<transferred> end(std::shared_ptr<Core> c, asio::const_buffer) {
    co_await c->finish();
    co_return transferred();
  }
  template <class Op>
  struct start {
    std::shared_ptr<Core> core;

    template <class Handler, class Buffer>
    void operator()(Handler&& handler, asio::awaitable<transferred> (*work)(std::shared_ptr<Core>, Buffer),
                    Buffer buffer) const {
      start_coroutine<Op>(std::forward<Handler>(handler), core->get_executor(), work(core, buffer));
    }
  };
  template <class Buffer, class Buffers>
  static Buffer first_of(const Buffers& all) {
    for (auto i = asio::buffer_sequence_begin(all); i != asio::buffer_sequence_end(all); ++i)
      if (Buffer(*i).size() > 0) return Buffer(*i);
    return Buffer();
  }

  std::shared_ptr<Core> core_;
};

}  // namespace muxpro::proxy
