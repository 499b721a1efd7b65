// client: a connection whose request was read, on its way from an inbound to a target. Ring 4.
#pragma once

#include <muxpro/codec.hpp>
#include <muxpro/one_shot.hpp>
#include <muxpro/pipe.hpp>
#include <muxpro/proxy/connection.hpp>
#include <muxpro/relay_options.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/use_awaitable.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// An inbound makes one and awaits dispatcher::dispatch(). An outbound dials the target, calls answer() and
/// then relay(). The base class is a client whose protocol has no reply; derive from it for one that has.
/// Belongs to one strand. Destroying it before end() cuts the connection.
class client {
 public:
  /// `early`: bytes behind the request, which go to the target first. `limits`: the inbound's, for the relay.
  client(std::shared_ptr<connection> c, relay_options limits, std::vector<std::byte> early = {});
  client(const client&) = delete;
  virtual ~client();

  asio::any_io_executor get_executor() const { return connection_->get_executor(); }

  // --- for outbounds

  /// Reports whether the target was reached. The first call counts. Without an error in `outcome` it sends
  /// the inbound's reply; `ec` is set if the client has gone, and otherwise not touched. With one the
  /// dispatcher sends the reply when the outbound has returned and the connection was logged, and ends the
  /// connection.
  asio::awaitable<void> answer(std::error_code outcome, std::error_code& ec);
  /// After answer(): async_relay() with `far` as side b, within the limits of both sides. An exception cuts
  /// `far`. Errors: those of async_relay().
  asio::awaitable<void> relay(connection& far, const relay_options& limits, std::error_code& ec);
  /// Until the target is known: `call` is called once when the client gives up, at once if it has. Empty: it
  /// is not called any more.
  void on_abandoned(std::function<void(std::error_code)> call);

  /// For an outbound that is the target itself, after answer(): the early bytes, then what the client sends.
  /// Errors and cancellation are those of connection::read_some(), write() and finish().
  asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, std::error_code& ec);
  asio::awaitable<void> write(asio::const_buffer from, std::error_code& ec);
  asio::awaitable<void> finish();
  /// Ends these operations.
  void cut() noexcept { connection_->cut(); }
  /// The early bytes, for an outbound that sends them with its request to the target. They count as
  /// delivered.
  std::vector<std::byte> take_early();

  // --- for the stages before

  const_bytes early() const noexcept { return early_; }
  /// Appends what the client sends to early(), which may have `most` bytes then. Cancellation: by `stop`.
  asio::awaitable<void> read_early(std::size_t most, asio::cancellation_slot stop, std::error_code& ec);
  /// The client gives up: calls what on_abandoned() has.
  void abandon(std::error_code why);
  /// Where relay(), read_some() and write() count their bytes; a is the client.
  void count_in(std::shared_ptr<relay_bytes> bytes) noexcept { bytes_ = std::move(bytes); }
  /// The outbound has returned with `why`. Sends the reply if none was sent, and ends the connection: in good
  /// order behind a relay or finish() without an error, else by a cut with the end_code of `why`.
  asio::awaitable<void> end(std::error_code why);
  /// Instead of end(): the connection has another owner from now on, who gets take_early() as well.
  std::shared_ptr<connection> release() noexcept;

 private:
  /// Called once, with what answer() or end() was given. Returns the reply of the inbound's protocol; empty:
  /// it has none.
  virtual std::vector<std::byte> reply_to(std::error_code outcome);
  /// The relay begins, which notices when the client gives up.
  virtual void relay_begins() noexcept {}
  /// end() has ended the connection.
  virtual void has_ended(std::error_code) {}
  void count(std::uint64_t relay_bytes::*way, std::size_t n) noexcept {
    if (bytes_) bytes_.get()->*way += n;
  }

  std::shared_ptr<connection> connection_;
  relay_options limits_;
  std::vector<std::byte> early_;
  std::shared_ptr<relay_bytes> bytes_;
  std::function<void(std::error_code)> on_abandoned_;
  std::error_code refusal_, abandoned_;
  bool answered_ = false, relayed_ = false, finished_ = false, ended_ = false;
};

/// How long a client may take to receive that it is refused.
inline constexpr duration lingering_limit = std::chrono::seconds(2);
/// Writes `reply` and closes so that it arrives: a socket that is closed with bytes unread discards what its
/// peer has not received. So what the client still sends is read and dropped, until it ends, lingering_limit
/// is over or 16 MiB have come.
asio::awaitable<void> write_and_close(std::shared_ptr<connection> c, const_bytes reply);

class link_client;

/// One end of a pipe, whose other end is the client of an outbound. What is written to `stream` goes to the
/// target. Destroying it gives the connection up. Belongs to one strand.
class target_link {
 public:
  struct promises {
    one_shot target, end;
    link_client* far = nullptr;  ///< null: it has gone
  };

  target_link(pipe_end s, std::shared_ptr<promises> p) noexcept
      : stream(std::move(s)), promises_(std::move(p)) {}
  target_link(target_link&&) noexcept = default;
  target_link& operator=(target_link&&) = delete;
  ~target_link() {
    if (promises_) abandon();
  }
  /// Completes when the outbound has reached the target, or with the reason why it has not; with
  /// operation_aborted if the outbound gave no reason. Signature: void(std::error_code). Cancellation (any
  /// type): operation_aborted.
  template <class Token = asio::use_awaitable_t<>>
  auto async_wait_for_target(Token&& token = {}) {
    return promises_->target.async_wait(stream.get_executor(), std::forward<Token>(token));
  }
  /// Whether that is known already. Sets `outcome` if it is.
  bool knows_target(std::error_code& outcome) const noexcept {
    if (promises_->target.told()) outcome = promises_->target.outcome();
    return promises_->target.told();
  }
  /// Completes when the outbound is done, with why the connection has ended; without an error after EOF both
  /// ways. Signature: void(std::error_code). Cancellation (any type): operation_aborted.
  template <class Token = asio::use_awaitable_t<>>
  auto async_wait_for_end(Token&& token = {}) {
    return promises_->end.async_wait(stream.get_executor(), std::forward<Token>(token));
  }

  pipe_end stream;

 private:
  void abandon() noexcept;

  std::shared_ptr<promises> promises_;
};

/// The other end of a target_link, as an outbound gets it. Has no limits for the relay.
class link_client final : public client {
 public:
  link_client(pipe_end s, std::shared_ptr<target_link::promises> p);
  ~link_client() override;

 private:
  friend class target_link;
  std::vector<std::byte> reply_to(std::error_code outcome) override;
  void has_ended(std::error_code why) override { promises_->end.tell(why); }

  const std::shared_ptr<target_link::promises> promises_;
};

/// `capacity`: bytes that the pipe holds each way.
std::pair<target_link, std::unique_ptr<link_client>> make_link(const asio::any_io_executor& executor,
                                                               std::size_t capacity);

}  // namespace muxpro::proxy
