// datagram_state, which a UDP sub-stream has instead of a byte stream. Holds two drop queues and the datagram
// that is being received.
#pragma once

#include <muxpro/detail/buffers.hpp>
#include <muxpro/detail/drop_queue.hpp>
#include <muxpro/detail/pending_op.hpp>
#include <muxpro/frame.hpp>
#include <muxpro/options.hpp>

#include <optional>
#include <utility>

namespace muxpro::detail {

struct receive_op : pending_op<error_code, std::size_t> {
  receive_op(whole_buffers<asio::mutable_buffer> b, host_port& f) : into(std::move(b)), from(&f) {}
  whole_buffers<asio::mutable_buffer> into;
  host_port* from;
};

// A datagram needs its credit in one piece. A window that may be half used up before more is granted would
// never fit a large one.
inline constexpr std::uint64_t datagram_reserve = max_extra_data - 1024;

struct datagram_state {
  explicit datagram_state(const session_options& o)
      : in(o.datagram_queue, o.datagram_queue_bytes), out(o.datagram_queue, o.datagram_queue_bytes) {}

  std::optional<global_id> source;
  drop_queue in, out;
  bool front_paid = false;    ///< the first datagram of `out` has its credit
  time_point unpaid_since{};  ///< when it did not get it
  datagram arriving;
  bool arriving_addressed = false;
  receive_op* receiver = nullptr;
};

}  // namespace muxpro::detail
