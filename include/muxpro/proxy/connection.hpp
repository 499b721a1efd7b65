// A stream of whatever transport, erased where that costs little: at its relay, not at each read. Ring 4.
#pragma once

#include <muxpro/codec.hpp>
#include <muxpro/pipe.hpp>
#include <muxpro/plain_socket.hpp>
#include <muxpro/relay.hpp>
#include <muxpro/session.hpp>
#include <muxpro/sub_stream.hpp>
#include <muxpro/timer.hpp>

#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace muxpro::proxy {

/// Belongs to one strand; one read and one write at a time.
class connection {
 public:
  virtual ~connection() = default;
  virtual asio::any_io_executor get_executor() = 0;

  /// For handshakes: what can be read at once. 0: nothing yet, or an end, as read_some() will say.
  virtual std::size_t read_now(bytes) noexcept { return 0; }
  /// Writes what can be written at once. Returns what is left to write().
  virtual asio::const_buffer write_now(const_bytes from) noexcept {
    return asio::buffer(from.data(), from.size());
  }
  /// For handshakes: one byte at least. Errors: asio::error::eof after the peer's last one,
  /// connection_reset if it was cut, or what the stream reports. Ended by cut() and close():
  /// operation_aborted. Cancellation: that of the stream's async_read_some().
  virtual asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, std::error_code& ec) = 0;
  /// All of it. Errors: what the stream reports; how much of it went is not known then. Ended by cut() and
  /// close(): operation_aborted. Cancellation: the same, and nothing but cut() makes sense after it.
  virtual asio::awaitable<void> write(asio::const_buffer from, std::error_code& ec) = 0;
  /// EOF to the peer, behind what was written; not while a write is under way. Of TLS a close_notify, and the
  /// peer's is not waited for. No errors: if the stream is broken, its reads say so.
  virtual asio::awaitable<void> finish() = 0;
  /// async_relay() of the stream itself (its side a), with its errors and its cancellation. cut() ends it:
  /// operation_aborted, and `with` is cut too.
  virtual asio::awaitable<relay_result> relay(pipe_end& with, const relay_options& options,
                                              std::error_code& ec) = 0;
  virtual asio::awaitable<relay_result> relay(sub_stream& with, const relay_options& options,
                                              std::error_code& ec) = 0;
  virtual asio::awaitable<relay_result> relay(asio::ip::tcp::socket& with, const relay_options& options,
                                              std::error_code& ec) = 0;
  /// The stream becomes a main connection; say by ends_by() how it ends from now on. Throws
  /// std::invalid_argument with the sentence of session_options::validate().
  virtual session into_session(role side, const session_options& options) = 0;
  /// Both ways, at once: its operations end with operation_aborted, the peer sees that it was no clean end.
  /// What was written and has not arrived is lost: a TCP socket sends RST, under TLS without close_notify, a
  /// sub-stream End(1); a unix socket or a pipe is closed. After ends_by() what that says, instead.
  virtual void cut() noexcept = 0;
  /// After finish(): its operations end with operation_aborted; what was written still goes to the peer,
  /// unless something of the peer's is unread.
  virtual void close() noexcept = 0;

  struct ways_to_end {
    std::function<void()> drain, cut;
  };
  void ends_by(ways_to_end w) {
    ways_ = std::move(w);
    if (draining_) drain();
  }
  /// Who the peer is by what its transport has proved; empty: nobody had to say.
  const std::string& user() const noexcept { return user_; }
  void known_as(std::string user) { user_ = std::move(user); }
  /// Nothing new begins on it, where that makes a difference.
  void drain() {
    draining_ = true;
    if (ways_.drain) ways_.drain();
  }

 protected:
  ways_to_end ways_;

 private:
  std::string user_;
  bool draining_ = false;
};

template <async_stream Stream>
class connection_over final : public connection {
 public:
  explicit connection_over(Stream stream) : stream_(std::move(stream)) {}
  Stream& stream() noexcept { return stream_; }

  asio::any_io_executor get_executor() override { return stream_.get_executor(); }
  std::size_t read_now([[maybe_unused]] bytes into) noexcept override {
    if constexpr (plain_socket<Stream>) return muxpro::read_now(stream_, into);
    return 0;
  }
  asio::const_buffer write_now(const_bytes from) noexcept override {
    [[maybe_unused]] std::error_code said_by_write;
    if constexpr (plain_socket<Stream>) from = from.subspan(muxpro::write_now(stream_, from, said_by_write));
    return asio::buffer(from.data(), from.size());
  }
  asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, std::error_code& ec) override {
    return stream_.async_read_some(into, asio::redirect_error(asio::use_awaitable, ec));
  }
  asio::awaitable<void> write(asio::const_buffer from, std::error_code& ec) override {
    co_await asio::async_write(stream_, from, asio::redirect_error(asio::use_awaitable, ec));
  }
  asio::awaitable<void> finish() override { return async_send_eof(stream_); }
  asio::awaitable<relay_result> relay(pipe_end& with, const relay_options& options,
                                      std::error_code& ec) override {
    return relay_with(with, options, ec);
  }
  asio::awaitable<relay_result> relay(sub_stream& with, const relay_options& options,
                                      std::error_code& ec) override {
    return relay_with(with, options, ec);
  }
  asio::awaitable<relay_result> relay(asio::ip::tcp::socket& with, const relay_options& options,
                                      std::error_code& ec) override {
    return relay_with(with, options, ec);
  }
  session into_session(role side, const session_options& options) override {
    return session(std::move(stream_), side, options);
  }
  void cut() noexcept override {
    if (ways_.cut) return ways_.cut();
    muxpro::cut(stream_);
  }
  void close() noexcept override {
    [[maybe_unused]] std::error_code ignored;
    if constexpr (requires { stream_.lowest_layer().close(ignored); })
      stream_.lowest_layer().close(ignored);
    else
      stream_.lowest_layer().close();
  }

 private:
  template <async_stream Other>
  asio::awaitable<relay_result> relay_with(Other& with, relay_options options, std::error_code& ec) {
    return async_relay(stream_, with, std::move(options), asio::redirect_error(asio::use_awaitable, ec));
  }

  Stream stream_;
};

template <async_stream Stream>
std::unique_ptr<connection> make_connection(Stream stream) {
  return std::make_unique<connection_over<Stream>>(std::move(stream));
}

/// Cuts or closes a connection in time, however busy it is; not any more once it is destroyed.
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
  bool over() const { return timer_.expiry() <= std::chrono::steady_clock::now(); }

 private:
  counted_timer timer_;
};

}  // namespace muxpro::proxy
