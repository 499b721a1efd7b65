// A connection as an Asio stream, for layers that are written for streams.
#pragma once

#include "proxy/base/exception_code.hpp"

#include <muxpro/proxy/connection.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/async_result.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <system_error>
#include <utility>

namespace muxpro::proxy {

/// Holds the connection, as a layer above it does.
class erased_stream {
 public:
  using executor_type = asio::any_io_executor;
  using lowest_layer_type = erased_stream;

  explicit erased_stream(std::shared_ptr<connection> c) noexcept : c_(std::move(c)) {}

  executor_type get_executor() const { return c_->get_executor(); }
  lowest_layer_type& lowest_layer() noexcept { return *this; }

  /// Reads one byte at least, into the first buffer that is not empty. Signature: void(std::error_code,
  /// std::size_t). Errors and cancellation: connection::read_some().
  template <class Buffers, class Token>
  auto async_read_some(const Buffers& into, Token&& token) {
    return asio::async_initiate<Token, void(std::error_code, std::size_t)>(
        start(), token, &read, c_, first_of<asio::mutable_buffer>(into));
  }
  /// Writes the first buffer that is not empty. Signature: void(std::error_code, std::size_t). Errors and
  /// cancellation: connection::write().
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& from, Token&& token) {
    return asio::async_initiate<Token, void(std::error_code, std::size_t)>(
        start(), token, &write, c_, first_of<asio::const_buffer>(from));
  }
  void reset(end_code code) noexcept { c_->cut(code); }
  void close() noexcept { c_->close(); }

 private:
  struct transferred {
    std::error_code ec;
    std::size_t bytes = 0;
  };
  /// Parameters of a coroutine, not captures: they live as long as it.
  static asio::awaitable<transferred> read(std::shared_ptr<connection> c, asio::mutable_buffer into) {
    transferred out;
    out.bytes = co_await c->read_some(into, out.ec);
    co_return out;
  }
  static asio::awaitable<transferred> write(std::shared_ptr<connection> c, asio::const_buffer from) {
    transferred out;
    co_await c->write(from, out.ec);
    out.bytes = out.ec ? 0 : from.size();
    co_return out;
  }
  struct start {
    template <class Handler, class Buffer>
    void operator()(Handler&& handler,
                    asio::awaitable<transferred> (*transfer)(std::shared_ptr<connection>, Buffer),
                    const std::shared_ptr<connection>& c, Buffer buffer) const {
      const auto slot = asio::get_associated_cancellation_slot(handler);
      auto done = [h = std::forward<Handler>(handler)](std::exception_ptr thrown, transferred t) mutable {
        if (thrown) t.ec = code_of(thrown);
        std::move(h)(t.ec, t.bytes);
      };
      asio::co_spawn(c->get_executor(), transfer(c, buffer),
                     asio::bind_cancellation_slot(slot, std::move(done)));
    }
  };
  template <class Buffer, class Buffers>
  static Buffer first_of(const Buffers& all) {
    for (auto i = asio::buffer_sequence_begin(all); i != asio::buffer_sequence_end(all); ++i)
      if (Buffer(*i).size() > 0) return Buffer(*i);
    return Buffer();
  }

  std::shared_ptr<connection> c_;
};

}  // namespace muxpro::proxy
