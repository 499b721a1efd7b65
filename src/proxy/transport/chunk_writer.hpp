// The sending half of a chunk_stream. Ring 4.
#pragma once

#include "proxy/transport/chunk_reader.hpp"

#include <muxpro/layer.hpp>

#include <asio/buffer.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <span>
#include <system_error>

namespace muxpro::proxy {

/// One operation may be pending at a time. After an error there are no others.
class chunk_writer : public std::enable_shared_from_this<chunk_writer> {
 public:
  using write_op = layer::pending_op<std::error_code, std::size_t>;
  using end_op = layer::pending_op<std::error_code>;

  chunk_writer(std::shared_ptr<connection> below, std::unique_ptr<chunk_sealer> sealer);
  chunk_writer(const chunk_writer&) = delete;

  const asio::any_io_executor& executor() const noexcept { return executor_; }
  /// Seals the first bytes, so that they are not needed any more, and sends what the stream below takes at
  /// once. Returns how many there were, 256 KiB at most.
  std::size_t write_now(std::span<const asio::const_buffer> text, std::error_code& ec);
  /// The same for what the receiver gets behind the last chunk.
  void end_now(std::error_code& ec);
  /// Whether there is something left that `send` has to wait for.
  bool has_more() const noexcept { return !output_.empty() || passes_eof_; }
  /// `sending` completes `op` when the stream below has taken everything.
  void start(layer::loop sending, write_op* op, std::size_t n);
  void start(layer::loop sending, end_op* op);
  static layer::loop send(std::shared_ptr<chunk_writer> self);
  void cancel() noexcept { stop_.emit(asio::cancellation_type::terminal); }
  std::size_t memory() const noexcept { return output_.capacity(); }

  void loop_ended(const std::exception_ptr&) noexcept {}

 private:
  auto sending_below();
  auto passing_eof_below();
  std::size_t seal(std::span<const asio::const_buffer> parts);
  void send_now() noexcept;
  void sent(std::error_code ec, std::size_t n) noexcept;

  const std::shared_ptr<connection> below_;
  any_stream& stream_;
  const asio::any_io_executor executor_;
  const std::unique_ptr<chunk_sealer> sealer_;
  tls_buffer output_;
  std::error_code failure_;
  bool ended_ = false, passes_eof_ = false;
  asio::cancellation_signal stop_;
  waiting_op<std::error_code, std::size_t> write_;  ///< until its loop has it
  waiting_op<std::error_code> end_;
  std::size_t written_ = 0;
};

}  // namespace muxpro::proxy
