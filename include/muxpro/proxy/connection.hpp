// connection, a stream over any transport, with its type erased. Each read or write costs a virtual call.
// Ring 4.
#pragma once

#include <muxpro/any_stream.hpp>
#include <muxpro/codec.hpp>
#include <muxpro/destination.hpp>
#include <muxpro/plain_socket.hpp>
#include <muxpro/relay.hpp>
#include <muxpro/session.hpp>
#include <muxpro/timer.hpp>

#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/buffer.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// Belongs to one strand. One read and one write may be pending at a time.
class connection {
 public:
  virtual ~connection() = default;
  virtual asio::any_io_executor get_executor() = 0;

  /// For handshakes. Reads the bytes that have arrived, without waiting. Returns 0 if no byte has arrived or
  /// the stream has ended. read_some() reports which.
  virtual std::size_t read_now(bytes) noexcept { return 0; }
  /// Writes as much as the stream takes without waiting. Returns the rest, which is left to write().
  virtual asio::const_buffer write_now(const_bytes from) noexcept {
    return asio::buffer(from.data(), from.size());
  }
  /// For handshakes. Completes when at least one byte was read.
  /// Errors: asio::error::eof after the peer's last byte, connection_reset if the peer has cut it,
  /// operation_aborted after cut() or close(), or an error of the stream.
  /// Cancellation: that of the stream's async_read_some(), by `stop` if that is connected.
  virtual asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, std::error_code& ec,
                                                 asio::cancellation_slot stop = {}) = 0;
  /// Completes when all bytes of `from` were written.
  /// Errors: operation_aborted after cut() or close(), or an error of the stream. It is unknown then how many
  /// bytes were written.
  /// Cancellation: that of the stream's async_write_some(). Only cut() makes sense after it.
  virtual asio::awaitable<void> write(asio::const_buffer from, std::error_code& ec) = 0;
  /// Sends EOF to the peer behind what was written, as async_send_eof() does. Not while a write is pending.
  /// Completes when the stream has taken EOF. Errors: none are reported. A broken stream reports them to its
  /// reads.
  /// Cancellation: as async_send_eof().
  virtual asio::awaitable<void> finish() = 0;
  /// The stream itself, for async_relay().
  virtual any_stream& stream_to_relay() noexcept = 0;
  /// The stream becomes a main connection. set_close_hooks() then sets how it ends. Throws
  /// std::invalid_argument with the text of session_options::validate().
  virtual session into_session(role side, session_options options) = 0;
  /// Ends both directions at once. Pending operations complete with operation_aborted, and the peer sees an
  /// unclean end. Bytes that were written and have not arrived are lost. A TCP socket sends RST, under TLS
  /// without close_notify. A sub-stream sends End with `code`. A unix socket or a pipe is closed. After
  /// set_close_hooks() the hook is called instead.
  virtual void cut(end_code code) noexcept = 0;
  void cut() noexcept { cut(end_code::remote_disconnect); }
  /// Closes the connection after finish(). Pending operations complete with operation_aborted. Written bytes
  /// still go to the peer, see close_after_eof().
  virtual void close() noexcept = 0;

  struct close_hooks {
    std::function<void()> drain, cut;
  };
  void set_close_hooks(close_hooks w) {
    hooks_ = w.drain || w.cut ? std::make_unique<close_hooks>(std::move(w)) : nullptr;
    if (draining_) drain();
  }
  /// Returns the name by which the transport has authenticated the peer. Empty if the transport does not
  /// authenticate.
  const std::string& user() const noexcept { return handshake_info().user; }
  void set_user(std::string user) {
    if (user != handshake_info().user) mutable_handshake_info().user = std::move(user);
  }
  /// What the peer has sent to the transport in its handshake, as a client of TLS does.
  struct greeting {
    std::string name;  ///< that of the server that it has asked for
    std::string alpn;  ///< the protocol that both have agreed on
  };
  const greeting& greeted_with() const noexcept { return handshake_info().greeted_with; }
  void set_greeting(greeting g) { mutable_handshake_info().greeted_with = std::move(g); }
  /// Set if a layer has turned the peer away, as REALITY does with unauthenticated clients. No inbound serves
  /// the connection. It is relayed to `to`.
  struct detour {
    std::shared_ptr<connection> to;
    std::vector<std::byte> early;  ///< bytes of `to` that were read
    host_port at;                  ///< of `to`, unless it is a unix socket
    std::string name;              ///< of `to`, for the log
    std::string reason;            ///< one sentence for the log
  };
  /// Null if no layer has turned the peer away.
  const std::shared_ptr<detour>& turned_away() const noexcept { return handshake_info().turned_to; }
  void turn_away(detour d) { mutable_handshake_info().turned_to = std::make_shared<detour>(std::move(d)); }
  /// Both ends as the client sees them, where a proxy in front of this one has passed them on. An unspecified
  /// address is not known.
  struct origin {
    asio::ip::tcp::endpoint source, gateway;
  };
  const std::optional<origin>& came_from() const noexcept { return handshake_info().came_from; }
  void set_origin(const origin& o) { mutable_handshake_info().came_from = o; }
  /// Takes what is known of the peer from the connection below.
  void inherit(const connection& below) {
    if (!below.known_) return;
    mutable_handshake_info() = *below.known_;
    known_->turned_to = nullptr;
  }
  /// Stops the start of new work on the connection, for example of sub-streams on a main connection.
  void drain() {
    draining_ = true;
    if (hooks_ && hooks_->drain) hooks_->drain();
  }

 protected:
  /// Returns an empty function if the connection ends as its stream does.
  const std::function<void()>& cut_hook() const noexcept {
    static const std::function<void()> none;
    return hooks_ ? hooks_->cut : none;
  }

 private:
  /// Most connections have none of these properties.
  struct of_peer {
    std::string user;
    greeting greeted_with;
    std::optional<origin> came_from;
    std::shared_ptr<detour> turned_to;
  };
  const of_peer& handshake_info() const noexcept {
    static const of_peer nothing;
    return known_ ? *known_ : nothing;
  }
  of_peer& mutable_handshake_info() {
    if (!known_) known_ = std::make_unique<of_peer>();
    return *known_;
  }

  std::unique_ptr<close_hooks> hooks_;
  std::unique_ptr<of_peer> known_;
  bool draining_ = false;
};

template <async_stream Stream>
class connection_over final : public connection {
 public:
  explicit connection_over(Stream stream) : stream_(std::move(stream)) {}
  Stream& stream() noexcept { return stream_; }
  using connection::cut;

  asio::any_io_executor get_executor() override { return stream_.get_executor(); }
  std::size_t read_now([[maybe_unused]] bytes into) noexcept override {
    if constexpr (plain_socket<Stream>) return muxpro::read_now(stream_, into);
    return 0;
  }
  asio::const_buffer write_now(const_bytes from) noexcept override {
    [[maybe_unused]] std::error_code write_error;
    if constexpr (plain_socket<Stream>) from = from.subspan(muxpro::write_now(stream_, from, write_error));
    return asio::buffer(from.data(), from.size());
  }
  asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, std::error_code& ec,
                                         asio::cancellation_slot stop) override {
    auto token = asio::redirect_error(asio::use_awaitable, ec);
    if (!stop.is_connected()) return stream_.async_read_some(into, token);
    return stream_.async_read_some(into, asio::bind_cancellation_slot(stop, token));
  }
  asio::awaitable<void> write(asio::const_buffer from, std::error_code& ec) override {
    // Without a condition, Asio would write 64 KiB at a time.
    const auto rest = [size = from.size()](std::error_code failed, std::size_t n) {
      return failed ? 0 : size - n;
    };
    co_await asio::async_write(stream_, from, rest, asio::redirect_error(asio::use_awaitable, ec));
  }
  asio::awaitable<void> finish() override { return async_send_eof(stream_); }
  any_stream& stream_to_relay() noexcept override { return erased_; }
  session into_session(role side, session_options options) override {
    return session(std::move(stream_), side, std::move(options));
  }
  void cut(end_code code) noexcept override {
    if (cut_hook()) return cut_hook()();
    muxpro::cut(stream_, code);
  }
  void close() noexcept override { close_after_eof(stream_); }

 private:
  Stream stream_;
  any_stream_over<Stream> erased_{stream_};
};

template <async_stream Stream>
std::unique_ptr<connection> make_connection(Stream stream) {
  return std::make_unique<connection_over<Stream>>(std::move(stream));
}

/// Cuts or closes a connection after `limit`, however busy it is. Destroying the deadline cancels it.
class deadline {
 public:
  deadline(const std::shared_ptr<connection>& c, duration limit,
           void (connection::*late)() noexcept = &connection::cut)
      : timer_(c->get_executor(), limit) {
    timer_.async_wait([weak = std::weak_ptr(c), late](std::error_code over) {
      if (over) return;
      if (const auto still_there = weak.lock()) (still_there.get()->*late)();
    });
  }
  bool expired() const { return timer_.expiry() <= std::chrono::steady_clock::now(); }

 private:
  counted_timer timer_;
};

}  // namespace muxpro::proxy
