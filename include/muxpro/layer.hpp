// The parts of which a caller builds a stream over another stream. Sessions and relays need of it
// async_read_some(), async_write_some() and get_executor(). Members that make it as fast as the library's:
// - read_now(bytes, std::error_code&) reads without waiting. It fails with would_block if no byte has
//   arrived.
// - async_wait_for_bytes(transfer_step) completes with an error and 0 when read_now() gets something.
// - async_flow(sink&, transfer_step) gives bytes to the sink as they arrive, until it is full.
// - socket_of_reads() returns the descriptor of the socket whose reads are those of the stream from now on,
//   or -1. It does not block. socket_of_writes() is the same for writes, and
//   async_wait_for_room(transfer_step) completes when it takes more.
// - is_over_socket, static: true if a reset must wait until the kernel has delivered what was written.
// With the first two a session or relay holds no memory for it while it waits.
#pragma once

#include <muxpro/detail/buffers.hpp>
#include <muxpro/detail/byte_ring.hpp>
#include <muxpro/detail/byte_stream.hpp>
#include <muxpro/detail/completion.hpp>
#include <muxpro/detail/context_service.hpp>
#include <muxpro/detail/initiation.hpp>
#include <muxpro/detail/loop.hpp>
#include <muxpro/detail/pending_op.hpp>
#include <muxpro/detail/relay_access.hpp>
#include <muxpro/detail/relay_buffer.hpp>
#include <muxpro/detail/sink.hpp>
#include <muxpro/detail/thread_memory.hpp>
#include <muxpro/plain_socket.hpp>

namespace muxpro::layer {

// --- operations: an initiation keeps the caller's handler in a pending_op, or posts its completion
using detail::cancel_by;
using detail::initiation;
using detail::make_pending_op;
using detail::pending_op;
using detail::post_completion;
using detail::shutdown_participant;

// --- loops: coroutines without results, that await transfers
using detail::completed_step;
using detail::loop;
using detail::transfer;
using detail::transfer_step;

// --- memory of one read or write, lent by the thread, of a direction, and of bytes that wait
using detail::byte_ring;
using detail::relay_buffer;
using detail::thread_memory;

// --- sequences of buffers of one type
using detail::copy;
using detail::gather_list;
using detail::read_buffers;
using detail::write_buffers;

// --- the stream below
using detail::read_now;
using detail::reads_when_ready;
using detail::sink;
using detail::socket_of_reads;
using detail::socket_of_writes;
using detail::wait_for_bytes;

}  // namespace muxpro::layer
