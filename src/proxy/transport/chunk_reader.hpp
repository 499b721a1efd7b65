// The receiving half of a chunk_stream. Ring 4.
#pragma once

#include "proxy/base/chunk_codec.hpp"
#include "proxy/transport/tls_buffer.hpp"

#include <muxpro/any_stream.hpp>
#include <muxpro/layer.hpp>
#include <muxpro/proxy/connection.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/cancellation_signal.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <system_error>

namespace muxpro::proxy {

struct drop_op {
  template <class Op>
  void operator()(Op* op) const noexcept {
    op->drop();
  }
};
/// An operation that waits. Its handler is dropped if it is not completed.
template <class... Results>
using waiting_op = std::unique_ptr<layer::pending_op<Results...>, drop_op>;

/// One operation may be pending at a time.
class chunk_reader : public std::enable_shared_from_this<chunk_reader> {
 public:
  using read_op = layer::pending_op<std::error_code, std::size_t>;
  using op_ptr = waiting_op<std::error_code, std::size_t>;

  /// `received` has the bytes of `below` that were read already.
  chunk_reader(std::shared_ptr<connection> below, std::unique_ptr<chunk_opener> opener, const_bytes received);
  chunk_reader(const chunk_reader&) = delete;

  const asio::any_io_executor& executor() const noexcept { return executor_; }
  /// Returns how many bytes of text were read. `ec` is would_block if no text has come yet. Without
  /// `ask_below` bytes of the stream below are only read if many have come before.
  std::size_t read_now(bytes into, std::error_code& ec, bool ask_below = true);
  /// Whether read_now() would not block.
  bool ready() { return has_text() || end(); }
  /// `waiting` completes `op` when read_now() has got something for `into`, or may get it if that is empty.
  void start(layer::loop waiting, read_op* op, bytes into);
  static layer::loop wait(std::shared_ptr<chunk_reader> self);
  void cancel() noexcept;
  std::size_t memory() const noexcept { return input_.capacity(); }

  void loop_ended(const std::exception_ptr&) noexcept {}

 private:
  struct held_text {
    std::size_t begin = 0, end = 0;  ///< inside of the first piece of input_
    std::size_t piece = 0;           ///< its size
  };

  auto waiting_below();
  void wait_below(layer::transfer_step done);
  bool receive(std::size_t text);
  void arrived(std::error_code ec, std::size_t n);
  void keep(std::size_t n);
  std::size_t next_piece() const noexcept;
  bool has_text();
  std::size_t open_into(bytes into);
  std::size_t take_held(bytes into) noexcept;
  std::error_code end() const noexcept;
  bool completes(op_ptr& op, std::error_code ec, std::size_t n);

  const std::shared_ptr<connection> below_;
  any_stream& stream_;
  const asio::any_io_executor executor_;
  const std::unique_ptr<chunk_opener> opener_;
  tls_buffer input_;
  layer::relay_buffer room_{tls_buffer::large / 4};  ///< of streams that do not read when they are ready
  held_text held_;
  std::error_code opened_end_, below_end_;  ///< of what the opener has opened, of the stream below
  bool last_read_large_ = false;            ///< the last read got many bytes, so that more may be there
  bool cancelled_ = false;
  asio::cancellation_signal stop_;
  op_ptr op_;  ///< until its loop has it
  bytes into_;
};

}  // namespace muxpro::proxy
