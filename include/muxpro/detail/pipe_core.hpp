// pipe_core: the state that the two ends of a pipe share, with the bytes and the handlers that wait.
#pragma once

#include <muxpro/detail/buffers.hpp>
#include <muxpro/detail/byte_ring.hpp>
#include <muxpro/detail/context_service.hpp>
#include <muxpro/detail/pending_op.hpp>
#include <muxpro/detail/relay_buffer.hpp>
#include <muxpro/detail/sink.hpp>
#include <muxpro/error.hpp>

#include <array>
#include <cstddef>

namespace muxpro::detail {

class pipe_core final : private shutdown_participant {
 public:
  /// One of the two ends.
  enum class side : std::size_t { first, second };

  template <class Buffers>
  struct waiting_op : pending_op<error_code, std::size_t> {
    explicit waiting_op(const Buffers& b, relay_buffer* m = nullptr, sink* s = nullptr)
        : buffers(b), memory(m), into(s) {}
    Buffers buffers;               ///< empty for a reader's sink, or for a writer that waits for room
    relay_buffer* memory;          ///< the memory of `buffers` if it may change hands, else null
    sink* into;                    ///< for a reader, where bytes go as they come
    waiting_op** place = nullptr;  ///< where the direction refers to this operation
  };
  using read_buffers = buffer_list<asio::mutable_buffer>;
  using write_buffers = buffer_list<asio::const_buffer>;
  using read_op = waiting_op<read_buffers>;
  using write_op = waiting_op<write_buffers>;

  /// The result of an operation at once. If it must wait, only the bytes that have flowed were transferred.
  struct attempt {
    error_code error;
    std::size_t transferred = 0;
    bool must_wait = false;
  };

  pipe_core(const asio::any_io_executor& executor, std::size_t capacity)
      : executor_(executor), capacity_(capacity) {
    register_with(executor_);
  }

  const asio::any_io_executor& executor() const noexcept { return executor_; }

  attempt try_read(side s, const read_buffers& buffers, relay_buffer* memory);
  attempt try_flow(side s, sink& to);
  attempt try_write(side s, const write_buffers& buffers, relay_buffer* memory);
  attempt try_wait_for_room(side s);
  void wait(side s, read_op& op) noexcept { start_waiting(direction_to(s).reader, op); }
  void wait(side s, write_op& op) noexcept { start_waiting(direction_from(s).writer, op); }

  /// As the cancellation of each pending operation.
  void cancel(side s);
  error_code shut_down(side s);
  void close(side s);
  void reset(side s);

  bool closed(side s) const noexcept { return direction_from(s).writer_closed; }
  std::size_t available(side s) const noexcept { return direction_to(s).ring.size(); }
  std::size_t undelivered(side s) const noexcept { return direction_from(s).ring.size(); }
  std::uint64_t passed_from(side s) const noexcept { return direction_from(s).passed; }
  std::uint64_t passed_to(side s) const noexcept { return direction_to(s).passed; }
  std::size_t memory() const noexcept {
    return directions_[0].ring.allocated() + directions_[1].ring.allocated();
  }

  template <class Op>
  static void cancel(Op* op) {
    *op->place = nullptr;
    op->complete(asio::error::operation_aborted, 0);
  }

 private:
  /// One direction. A reader waits only while the ring is empty and no writer waits.
  /// The ring never holds more than the capacity.
  struct direction {
    byte_ring ring;
    read_op* reader = nullptr;
    write_op* writer = nullptr;
    bool finished = false;       ///< the writer has shut down, so the reader gets the ring, then eof
    bool writer_closed = false;  ///< the writing end is gone
    bool reader_closed = false;  ///< the reading end is gone
    std::uint64_t passed = 0;    ///< bytes that were read, since the beginning
  };

  direction& direction_from(side s) noexcept { return directions_[static_cast<std::size_t>(s)]; }
  const direction& direction_from(side s) const noexcept { return directions_[static_cast<std::size_t>(s)]; }
  direction& direction_to(side s) noexcept { return directions_[1 - static_cast<std::size_t>(s)]; }
  const direction& direction_to(side s) const noexcept {
    return directions_[1 - static_cast<std::size_t>(s)];
  }

  template <class Op>
  static void start_waiting(Op*& place, Op& op) noexcept {
    place = &op;
    op.place = &place;
  }

  /// Why a reader need not wait. It must if there is no error.
  error_code end_for_reader(const direction& l) const noexcept;
  error_code refusal(const direction& l) const noexcept;
  void notify_room(direction& l);
  std::size_t pour(direction& l, sink& to, const write_buffers& from);
  std::size_t give(direction& l, const write_buffers& from);
  std::size_t take(direction& l, const read_buffers& to);
  std::size_t swap_memory(direction& l, relay_buffer& from, relay_buffer& to) noexcept;
  std::size_t keep(direction& l, const write_buffers& from, std::size_t offset) noexcept;
  void context_destroyed() noexcept override;

  asio::any_io_executor executor_;
  std::size_t capacity_;
  std::array<direction, 2> directions_;  ///< directions_[s] is written by side s
};

}  // namespace muxpro::detail

#if !defined(MUXPRO_SEPARATE_COMPILATION)
#include <muxpro/impl/pipe.ipp>
#endif
