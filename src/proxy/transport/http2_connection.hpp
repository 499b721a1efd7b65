// http2_connection, HTTP/2 in either role over a connection, by nghttp2, which does no I/O of its own.
// Ring 4.
#pragma once

#include "proxy/transport/http2_flood_guard.hpp"
#include "proxy/transport/http2_options.hpp"
#include "proxy/transport/http2_stream.hpp"

#include <muxpro/proxy/connection.hpp>
#include <muxpro/relay.hpp>
#include <muxpro/timer.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <system_error>
#include <unordered_map>
#include <vector>

struct nghttp2_session;

namespace muxpro::proxy {

/// A request that a server has not answered yet.
struct http2_request {
  std::shared_ptr<http2_stream_state> stream;
  http2_head head;
};

/// Belongs to the strand of the connection below. Streams may outlive it.
class http2_connection final : public std::enable_shared_from_this<http2_connection> {
 public:
  /// Of a server. It answers by accept() or refuse(). Bytes of the body may come right behind it.
  using on_request = std::function<void(http2_connection&, http2_request)>;

  http2_connection(std::shared_ptr<connection> below, role side, const http2_options& o,
                   on_request take = {});
  ~http2_connection();

  /// Reads and writes. Completes when the connection has ended, after its last stream.
  /// Errors: none after a clean end, timed_out, and those of http2_category() and of the connection below.
  /// Cancellation: not supported. Cutting the connection below ends it. `early` has the bytes of the
  /// connection below that were read.
  asio::awaitable<void> run(std::error_code& ec, std::vector<std::byte> early);
  asio::awaitable<void> run(std::error_code& ec) { return run(ec, std::vector<std::byte>()); }
  /// Starts no further stream, and ends behind the last one.
  void drain();
  /// Ends it at once, with its streams.
  void cut() noexcept { end(asio::error::operation_aborted); }
  asio::any_io_executor get_executor() const { return below_->get_executor(); }
  /// Whether TLS is below.
  bool is_secure() const { return below_->stream_to_relay().has_goodbye(); }

  // --- of a client
  /// Whether the server lets a further request begin at once.
  bool takes_requests() const noexcept;
  /// `sends` is whether the request has a body.
  http2_stream request(const http2_head& head, std::unique_ptr<http2_body> body, bool sends = true);

  // --- of a server
  http2_stream accept(const http2_request& r, const http2_head& answer, std::unique_ptr<http2_body> body);
  void refuse(const http2_request& r, const http2_head& answer);

  // --- of streams
  void resume(http2_stream_state& s) noexcept;
  void consumed(http2_stream_state& s, std::size_t n) noexcept;
  /// By RST_STREAM.
  void cut(http2_stream_state& s, std::uint32_t code) noexcept;
  /// The handle has gone.
  void released(http2_stream_state& s) noexcept;

 private:
  struct callbacks;
  using stream_ptr = std::shared_ptr<http2_stream_state>;

  asio::awaitable<void> read_all(std::vector<std::byte> early);
  void begin();
  void take(const_bytes in);
  void flush() noexcept;
  asio::awaitable<void> write_out(std::shared_ptr<http2_connection> self);
  asio::awaitable<void> close_below();
  std::size_t fill(bytes room);
  void end(std::error_code why) noexcept;
  void end_turn();
  bool is_over() const noexcept;
  asio::awaitable<void> watch(std::shared_ptr<http2_connection> self);
  time_point next_check(time_point now) const;
  void check(time_point now);
  void send_ping(time_point now);

  stream_ptr find(std::int32_t id) const;
  void touch(const stream_ptr& s);
  void settle_window() noexcept;
  void stream_ended(const stream_ptr& s, std::uint32_t code);
  void forget(std::int32_t id);
  void note_goaway(std::uint32_t code) noexcept;

  const std::shared_ptr<connection> below_;
  const role side_;
  const http2_options options_;
  const on_request take_;
  nghttp2_session* session_ = nullptr;

  std::unordered_map<std::int32_t, stream_ptr> streams_;  ///< those that have a handle or have not ended
  std::unordered_map<std::int32_t, http2_head> heads_;    ///< that are being received
  std::vector<stream_ptr> to_flush_;

  std::size_t unread_ = 0;  ///< bytes of bodies that were not read yet
  std::size_t held_ = 0;    ///< those that the connection's window does not count as read

  bytes room_;  ///< while frames are written to it
  std::size_t used_ = 0;
  const_bytes pending_;  ///< nghttp2 has written it, and there was no room
  bool writing_ = false;

  http2_flood_guard guard_;
  bool flooded_ = false;
  counted_timer tick_;
  const time_point began_;
  time_point idle_since_, read_at_, write_began_{}, ping_sent_{};
  bool settled_ = false;  ///< the handshake is over
  bool ended_ = false;
  std::error_code why_, goaway_;
};

}  // namespace muxpro::proxy
