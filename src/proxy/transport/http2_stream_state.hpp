// http2_stream_state: the state that a stream of an HTTP/2 connection and its handle share, with bytes and
// handlers that wait. Ring 4.
#pragma once

#include "proxy/transport/http2_body.hpp"

#include <muxpro/layer.hpp>
#include <muxpro/pipe.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <system_error>

namespace muxpro::proxy {

class http2_connection;

class http2_stream_state final : private layer::shutdown_participant {
 public:
  struct read_op : layer::pending_op<std::error_code, std::size_t> {
    read_op(http2_stream_state& s, const layer::read_buffers& b, layer::sink* t = nullptr)
        : of(s), into(b), to(t) {}
    http2_stream_state& of;
    layer::read_buffers into;  ///< empty if the operation waits for bytes, or lets them flow
    layer::sink* to;
    std::size_t done = 0;
  };
  struct write_op : layer::pending_op<std::error_code, std::size_t> {
    write_op(http2_stream_state& s, const layer::write_buffers& b) : of(s), from(b) {}
    http2_stream_state& of;
    layer::write_buffers from;
    std::size_t done = 0;
  };
  /// The result of an operation at once. If it must wait, only the bytes that have flowed were transferred.
  struct attempt {
    std::error_code error;
    std::size_t transferred = 0;
    bool must_wait = false;
  };

  http2_stream_state(http2_connection& owner, asio::any_io_executor executor,
                     std::unique_ptr<http2_body> body);
  ~http2_stream_state();

  // --- of the handle

  const asio::any_io_executor& executor() const noexcept { return executor_; }
  attempt try_read(const layer::read_buffers& into);
  attempt try_flow(layer::sink& to);
  attempt try_wait();
  attempt try_write(const layer::write_buffers& from);
  void wait(read_op& op) noexcept { reader_ = &op; }
  void wait(write_op& op) noexcept;
  static void cancel(read_op* op);
  static void cancel(write_op* op);
  std::error_code shut_down();
  /// Ends both directions at once.
  void reset() noexcept;
  /// What was written still goes to the peer if shut_down() came before.
  void close() noexcept;

  // --- of the connection

  std::int32_t id = 0;
  bool in_turn = false;  ///< the connection calls end_turn()
  /// Before bytes of the body come.
  void become(std::unique_ptr<http2_body> body) noexcept { body_ = std::move(body); }
  const http2_body& body() const noexcept { return *body_; }
  /// The peer has sent bytes of the body, which are valid until end_turn().
  void receive(const_bytes wire);
  void receive_head(const http2_head& h);
  void receive_end();
  /// Hands over what has come since the last turn.
  void end_turn();
  /// What goes into a frame of at most `room` bytes next.
  struct plan {
    std::size_t bytes = 0;
    bool waits = false;  ///< no bytes have come
    bool ends = false;   ///< that is all
  };
  plan next_frame(std::size_t room);
  /// Writes the planned frame. Returns false if it has gone.
  bool write_frame(std::byte* to, std::size_t size);
  void end_was_sent() noexcept;
  /// The stream has ended in both directions. Without an error the peer takes no more.
  void closed(std::error_code why) noexcept;
  bool is_closed() const noexcept { return closed_; }
  bool has_handle() const noexcept { return !ended_here_; }
  void leave_connection() noexcept { owner_ = nullptr; }

 private:
  void context_destroyed() noexcept override;
  void deliver(const_bytes piece);
  void pass_pieces();
  std::size_t pop(const layer::read_buffers& into);
  std::error_code end_for_reader() const noexcept;
  void fail(std::error_code why) noexcept;
  void drop_input() noexcept;
  void consumed(std::size_t n) noexcept;
  void leave(std::optional<std::uint32_t> code) noexcept;
  void abandon(std::error_code why) noexcept;
  void stage_one_byte();
  void wrote(std::size_t n);

  http2_connection* owner_;
  asio::any_io_executor executor_;
  std::unique_ptr<http2_body> body_;
  read_op* reader_ = nullptr;
  write_op* writer_ = nullptr;

  layer::byte_ring unread_;
  layer::write_buffers pieces_;  ///< for the sink of a reader, in the memory of the connection
  std::error_code in_error_;     ///< behind `unread_`, or eof
  bool deaf_ = false;            ///< what comes is dropped
  std::error_code out_error_;
  bool finished_ = false, end_sent_ = false, ended_here_ = false, closed_ = false;

  std::array<std::byte, http2_body::most_head> head_{};
  std::size_t head_size_ = 0;  ///< of the planned frame
  std::size_t payload_ = 0;
  std::array<std::byte, http2_body::most_head + 1> staged_{};  ///< a message that no frame had room for
  std::size_t staged_begin_ = 0, staged_end_ = 0;
};

}  // namespace muxpro::proxy
