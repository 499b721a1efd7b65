// Builds gather writes of control frames, and then data frames in the scheduler's order, with payload
// straight from the writers' buffers. Small payloads are copied behind their headers into one arena.
#pragma once

#include <muxpro/detail/asio.hpp>
#include <muxpro/detail/byte_stream.hpp>
#include <muxpro/detail/stream_state.hpp>
#include <muxpro/detail/thread_memory.hpp>

#include <memory>
#include <vector>

namespace muxpro::detail {

class outbox {
 public:
  outbox(write_queue& queue, protocol& rules, const session_options& options, session_counts& counted)
      : queue_(queue), rules_(rules), options_(options), counted_(counted), quantum_(options.frame_quantum) {}

  /// No frame of a stream has more data.
  void agreed(std::size_t longest_data) noexcept { longest_data_ = longest_data; }
  /// Gathers the frames that are due. Returns false if no frames are due, or if there is no memory at all.
  bool fill(time_point now);
  gather_list rest() const noexcept { return gather_list(parts_.subspan(first_, count_ - first_)); }
  bool written() const noexcept { return first_ == count_; }
  /// The main connection took `n` bytes.
  void advance(std::size_t n) noexcept;
  /// Returns whether drained() has to be called when the gather is written, because it was large enough to
  /// show how fast the main connection takes bytes.
  bool shows_rate() const noexcept { return payload_ >= options_.session_out_buffer / 2; }
  void drained(time_point now) noexcept;
  /// Completes the writes of the gather, because it is written, or will never be. Returns whether it had any.
  bool complete_writes();
  void drop() noexcept;
  bool in_flight() const noexcept { return in_flight_; }
  /// While nothing is in flight. The memory that was kept for the next gather is freed.
  void free_memory() noexcept;

 private:
  // Asio gathers at most 64 buffers in one system call.
  static constexpr std::size_t max_parts = 64;
  static constexpr std::size_t arena_size = 32 * 1024;
  // Of last_memory. The rest of it is what add_frame() and add_credits() need at least.
  static constexpr std::size_t reserve_parts = 16;
  static constexpr std::size_t data_header = 8;
  // Below this a copy is cheaper than one more buffer in the gather list.
  static constexpr std::size_t copy_limit = 512;

  bool take_memory() noexcept;
  void give_memory_back() noexcept;
  void divide(bytes block, std::size_t parts) noexcept;
  void add_credits(time_point now);
  void add_frame(stream_state& s, time_point now);
  void add_from_writer(stream_state& s, std::size_t n);
  void add_datagram(stream_state& s, time_point now);
  void add_ends();
  template <class Frame>
  void add_header(const Frame& f);
  void add_addressed(const keep& f, const_bytes prefix);
  void add_encoded(std::size_t size, std::size_t type);
  void add_payload(asio::const_buffer part);
  void add_part(asio::const_buffer part);
  std::size_t frame_size(std::size_t sendable) const noexcept;
  bool room_for_frame() const noexcept {
    return count_ + 2 + buffer_list<asio::const_buffer>::capacity <= parts_.size() &&
           arena_used_ + data_header + copy_limit <= arena_.size();
  }

  write_queue& queue_;
  protocol& rules_;
  const session_options& options_;
  session_counts& counted_;

  std::vector<std::byte> control_, ends_;
  thread_memory memory_;
  last_memory reserve_;
  // In one of these, from fill() to complete_writes().
  std::span<asio::const_buffer> parts_;
  bytes arena_;
  std::size_t arena_used_ = 0;
  std::size_t first_ = 0, count_ = 0;
  std::size_t payload_ = 0;
  std::size_t longest_data_ = max_extra_data;
  std::size_t quantum_;  ///< of a frame while others wait
  time_point begun_{};   ///< when the gather was made
  std::vector<ref<stream_state>> streams_in_flight_, ending_;
  std::vector<datagram> datagrams_;
  bool in_flight_ = false;
};

}  // namespace muxpro::detail
