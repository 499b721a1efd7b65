// xhttp_upload, the upload of a session of XHTTP at a server. Any threads read the bytes of its requests, for
// the connection of one thread. Ring 4.
#pragma once

#include "proxy/transport/thread_signal.hpp"
#include "proxy/xhttp/upload_reorder_buffer.hpp"

#include <muxpro/proxy/connection.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <system_error>
#include <vector>

namespace muxpro::proxy {

/// A part of an upload, which is `data`, then the body of a request. The body is null if the request has
/// none.
struct xhttp_part {
  std::uint64_t number = 0;
  std::vector<std::byte> data;
  std::shared_ptr<connection> body;
};

/// Any thread. Bytes of a request that have no room stay in the request.
class xhttp_upload {
 public:
  /// How long a request waits for the download of its session, or for an earlier part (Xray: 30 s).
  static constexpr duration idle_limit = std::chrono::seconds(30);
  static constexpr std::size_t room = 256 * 1024;

  explicit xhttp_upload(std::size_t waiting_posts) : turns_(waiting_posts) {}

  // --- of requests

  /// Returns false if there is another upload.
  bool enter_stream();
  upload_reorder_buffer::entry enter_post(std::uint64_t n);
  /// Hands over the body of an upload that has entered.
  /// Completes when the reader has room for all of it.
  /// Errors: why the session has ended, timed_out after `idle_limit`, or those of `body`.
  /// Cancellation (terminal): throws operation_aborted.
  asio::awaitable<void> take_stream(std::shared_ptr<connection> body, std::error_code& ec);
  /// The same for a part of it. An empty one is the end of the upload.
  asio::awaitable<void> take_post(xhttp_part part, std::error_code& ec);

  // --- of the download

  /// The session has a reader.
  void begin();
  /// The client has left. The reader gets the bytes that have come, then an end, which is clean if no part is
  /// missing.
  void client_has_gone();
  /// The reader has gone, or the upload is broken.
  void end(std::error_code why);
  /// Errors: eof, or why the session has ended.
  /// Cancellation (terminal): throws operation_aborted.
  asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, std::error_code& ec);

  /// Completes with true when the session has ended or the upload is whole, with false at `limit`.
  /// Errors: none.
  /// Cancellation (terminal): throws operation_aborted.
  asio::awaitable<bool> has_ended(time_point limit);
  bool is_older_than(duration age) const { return std::chrono::steady_clock::now() - born_ > age; }

 private:
  struct broken_unless_done;
  asio::awaitable<std::size_t> take_body(connection& body, std::error_code& ec);
  asio::awaitable<void> wait_for_turn(std::uint64_t n, std::error_code& ec);
  asio::awaitable<void> push(std::vector<std::byte> piece, std::error_code& ec);
  void finish_post(bool was_empty);
  void end_without_client();
  std::size_t pop(bytes into);
  bool must_wait(std::uint64_t n) const { return !end_ && !(begun_ && turns_.has_turn(n)); }

  const time_point born_ = std::chrono::steady_clock::now();
  mutable std::mutex mutex_;
  thread_signal changed_;
  upload_reorder_buffer turns_;
  std::deque<std::vector<std::byte>> held_;
  std::size_t held_bytes_ = 0, first_at_ = 0;  ///< of the first piece so many were read
  bool begun_ = false, streams_ = false, gone_ = false;
  std::error_code end_;  ///< behind what is held
};

}  // namespace muxpro::proxy
