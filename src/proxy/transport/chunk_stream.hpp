// chunk_stream, a stream whose bytes are carried in encrypted chunks by another connection, as VMess and
// Shadowsocks do. It reads, opens, seals and writes many chunks at a time, and has no memory for them while
// it waits on a socket. Ring 4.
#pragma once

#include "proxy/transport/chunk_reader.hpp"
#include "proxy/transport/chunk_writer.hpp"
#include "proxy/transport/text_list.hpp"

#include <muxpro/any_stream.hpp>
#include <muxpro/layer.hpp>

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace muxpro::proxy {

/// Belongs to one strand. One read and one write may be pending at a time. Shutdown counts as a write. Holds
/// the connection below, which is not read or written elsewhere. Pending operations complete with
/// operation_aborted when it is destroyed or the connection below is closed.
class chunk_stream {
 public:
  using executor_type = asio::any_io_executor;
  using lowest_layer_type = chunk_stream;

  /// `received` has the bytes of `below` that were read already.
  chunk_stream(const std::shared_ptr<connection>& below, chunk_codecs codecs, const_bytes received)
      : below_(below),
        reader_(std::make_shared<chunk_reader>(below, std::move(codecs.opener), received)),
        writer_(std::make_shared<chunk_writer>(below, std::move(codecs.sealer))) {}
  chunk_stream(chunk_stream&&) noexcept = default;
  chunk_stream& operator=(chunk_stream&& other) noexcept {
    std::swap(below_, other.below_);
    std::swap(reader_, other.reader_);
    std::swap(writer_, other.writer_);
    return *this;
  }
  ~chunk_stream() {
    if (reader_) reader_->cancel();
    if (writer_) writer_->cancel();
  }

  executor_type get_executor() const { return reader_->executor(); }
  lowest_layer_type& lowest_layer() noexcept { return *this; }
  /// Bytes of memory that it holds for chunks.
  std::size_t memory() const noexcept { return reader_->memory() + writer_->memory(); }

  /// Reads into the first buffer that is not empty.
  /// Signature: void(std::error_code, std::size_t). Completes with the text of all chunks that have come and
  /// fit, at least one byte, or at once with 0 if `buffers` are empty. Errors: eof behind the sender's last
  /// chunk, or where the stream below may end, connection_reset if it ends elsewhere, and those of the opener
  /// and of the stream below.
  /// Cancellation (any type): operation_aborted, no byte was read.
  template <class MutableBuffers, class Token = asio::use_awaitable_t<>>
  auto async_read_some(const MutableBuffers& buffers, Token&& token = {}) {
    bytes into;
    for (auto i = asio::buffer_sequence_begin(buffers);
         into.empty() && i != asio::buffer_sequence_end(buffers); ++i)
      into = {static_cast<std::byte*>(asio::mutable_buffer(*i).data()), asio::mutable_buffer(*i).size()};
    return asio::async_initiate<Token, void(std::error_code, std::size_t)>(start_read{reader_.get()}, token,
                                                                           into);
  }
  /// Returns how many bytes of text were read. `ec` is would_block if no text has come yet. Not while a read
  /// is pending.
  std::size_t read_now(bytes into, std::error_code& ec) { return reader_->read_now(into, ec); }
  /// Signature: void(std::error_code, std::size_t). Completes with 0 when a read would complete at once, be
  /// it with an error.
  /// Errors: those of the stream below.
  /// Cancellation (any type): operation_aborted.
  template <class Token = asio::use_awaitable_t<>>
  auto async_wait_for_bytes(Token&& token = {}) {
    return asio::async_initiate<Token, void(std::error_code, std::size_t)>(start_wait{reader_.get()}, token);
  }
  /// Signature: void(std::error_code, std::size_t). Completes when the stream below has taken the chunks of
  /// the first bytes, 256 KiB at most.
  /// Errors: errc::already_shut_down, and those of the stream below. Cancellation (terminal):
  /// operation_aborted. The caller must close the stream then.
  template <class ConstBuffers, class Token = asio::use_awaitable_t<>>
  auto async_write_some(const ConstBuffers& buffers, Token&& token = {}) {
    return asio::async_initiate<Token, void(std::error_code, std::size_t)>(start_write{writer_.get()}, token,
                                                                           text_parts(buffers));
  }
  /// Ends this direction. The peer reads EOF behind what was written. Not while a write is pending.
  /// Signature: void(std::error_code). Completes when the stream below has taken the last chunk. If the
  /// protocol has no last chunk, it has taken EOF. Errors: those of the stream below. Cancellation
  /// (terminal): operation_aborted. The caller must close the stream then.
  template <class Token = asio::use_awaitable_t<>>
  auto async_shutdown(Token&& token = {}) {
    return asio::async_initiate<Token, void(std::error_code)>(start_end{writer_.get()}, token);
  }
  void reset(end_code code) noexcept { below_->cut(code); }
  void close() noexcept { below_->close(); }

  /// Bytes that the stream below has taken and its peer has not received.
  std::size_t undelivered() const noexcept { return below_->stream_to_relay().undelivered(); }

 private:
  template <class Half>
  struct start {
    using executor_type = asio::any_io_executor;
    Half* half;
    executor_type get_executor() const noexcept { return half->executor(); }
  };
  struct start_read : start<chunk_reader> {
    template <class Handler>
    void operator()(Handler&& handler, bytes into) const;
  };
  struct start_wait : start<chunk_reader> {
    template <class Handler>
    void operator()(Handler&& handler) const;
  };
  struct start_write : start<chunk_writer> {
    template <class Handler>
    void operator()(Handler&& handler, const text_parts& text) const;
  };
  struct start_end : start<chunk_writer> {
    template <class Handler>
    void operator()(Handler&& handler) const;
  };

  std::shared_ptr<connection> below_;
  std::shared_ptr<chunk_reader> reader_;
  std::shared_ptr<chunk_writer> writer_;
};

/// A connection over `below`, of which `received` were read already. It takes over what the transport has
/// noted about the peer, and drains when `below` does.
std::shared_ptr<connection> make_chunked(const std::shared_ptr<connection>& below, chunk_codecs codecs,
                                         const_bytes received);

template <class Handler>
void chunk_stream::start_read::operator()(Handler&& handler, bytes into) const {
  std::error_code ec;
  const std::size_t n = half->read_now(into, ec, false);
  if (ec != asio::error::would_block)
    return layer::post_completion(std::forward<Handler>(handler), half->executor(), ec, n);
  auto waiting = chunk_reader::wait(half->shared_from_this());
  const auto cancel = layer::cancel_by<&chunk_reader::cancel>(half);
  half->start(
      std::move(waiting),
      layer::make_pending_op<chunk_reader::read_op>(std::forward<Handler>(handler), half->executor(), cancel),
      into);
}

template <class Handler>
void chunk_stream::start_wait::operator()(Handler&& handler) const {
  if (half->ready())
    return layer::post_completion(std::forward<Handler>(handler), half->executor(), std::error_code(),
                                  std::size_t{0});
  auto waiting = chunk_reader::wait(half->shared_from_this());
  const auto cancel = layer::cancel_by<&chunk_reader::cancel>(half);
  half->start(
      std::move(waiting),
      layer::make_pending_op<chunk_reader::read_op>(std::forward<Handler>(handler), half->executor(), cancel),
      {});
}

template <class Handler>
void chunk_stream::start_write::operator()(Handler&& handler, const text_parts& text) const {
  std::error_code ec;
  const std::size_t n = half->write_now(text.all(), ec);
  if (ec || !half->has_more())
    return layer::post_completion(std::forward<Handler>(handler), half->executor(), ec, n);
  auto sending = chunk_writer::send(half->shared_from_this());
  const auto cancel = layer::cancel_by<&chunk_writer::cancel>(half);
  half->start(std::move(sending),
              layer::make_pending_op<chunk_writer::write_op>(std::forward<Handler>(handler), half->executor(),
                                                             cancel),
              n);
}

template <class Handler>
void chunk_stream::start_end::operator()(Handler&& handler) const {
  std::error_code ec;
  half->end_now(ec);
  if (ec || !half->has_more())
    return layer::post_completion(std::forward<Handler>(handler), half->executor(), ec);
  auto sending = chunk_writer::send(half->shared_from_this());
  const auto cancel = layer::cancel_by<&chunk_writer::cancel>(half);
  half->start(std::move(sending), layer::make_pending_op<chunk_writer::end_op>(std::forward<Handler>(handler),
                                                                               half->executor(), cancel));
}

}  // namespace muxpro::proxy
