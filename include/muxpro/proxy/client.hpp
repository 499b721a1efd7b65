// client, a connection whose request was read, on its way from an inbound to a target. Ring 4.
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

/// What a client belongs to while the relay of client::hand_over() runs.
class relay_owner {
 public:
  virtual ~relay_owner() = default;
  /// Both directions have ended. Called once, or not at all if the execution context goes first.
  virtual void relay_ended(std::error_code why) = 0;
};

/// An inbound makes one and awaits dispatcher::dispatch(). An outbound dials the target, calls answer() and
/// then hand_over(), or relay() if it has something to do afterwards. The base class serves protocols without
/// a reply. Derive from it for a protocol that has one.
/// Belongs to one strand. Destroying it before end() cuts the connection. cut() ends what it waits for.
class client {
 public:
  /// `early` holds the bytes behind the request, which go to the target first. `limits` are those of the
  /// inbound for the relay.
  client(std::shared_ptr<connection> c, const relay_limits& limits, std::vector<std::byte> early = {});
  client(const client&) = delete;
  virtual ~client();

  asio::any_io_executor get_executor() const { return connection_->get_executor(); }

  // --- for outbounds

  /// Reports whether the target was reached. Later calls are ignored. If `outcome` is no error, the reply of
  /// the inbound's protocol is sent at once, or with the first bytes to the client. If it is one, the
  /// dispatcher sends the reply and ends the connection after the outbound has returned and the connection
  /// was logged. Completes when the reply was written, or at once. Errors: those of connection::write().
  /// Without an error `ec` is not touched. Cancellation: as connection::write().
  asio::awaitable<void> answer(std::error_code outcome, std::error_code& ec);
  /// Runs async_relay() with `far` as side b, within the limits of both sides. Called after answer(). An
  /// exception cuts `far`.
  /// Completes when both directions have ended.
  /// Errors: those of async_relay().
  /// Cancellation: as async_relay().
  asio::awaitable<void> relay(connection& far, const relay_options& limits, std::error_code& ec);
  /// Like relay(), for an outbound that returns at once. The relay begins when the outbound has returned, and
  /// goes on without it, so that the outbound's coroutine needs no memory meanwhile.
  void hand_over(std::shared_ptr<connection> far, const relay_options& limits);
  /// Sets a function that is called once if the client gives up before the target is reached, or at once if
  /// it has given up already. An empty `call` removes the previous one.
  void on_abandoned(std::function<void(std::error_code)> call);

  /// For an outbound that is the target itself. Called after answer(). Reads the early bytes, then what the
  /// client sends. Otherwise as connection::read_some(). Completes at once while there are early bytes.
  /// Errors: those of connection::read_some().
  /// Cancellation: as connection::read_some().
  asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, std::error_code& ec);
  /// As connection::write().
  asio::awaitable<void> write(asio::const_buffer from, std::error_code& ec);
  /// As connection::finish().
  asio::awaitable<void> finish();
  /// Ends these three operations with operation_aborted.
  void cut() noexcept { connection_->cut(); }
  /// Returns the early bytes, for an outbound that sends them with its request to the target. They count as
  /// delivered.
  std::vector<std::byte> take_early();
  /// Writes a reply that waits for the first bytes to the client, for an owner that takes the connection by
  /// release(). Completes when the reply was written, or at once if none waits. Errors: those of
  /// connection::write(). Cancellation: as connection::write().
  asio::awaitable<void> send_reply(std::error_code& ec);

  // --- for the stages before

  const_bytes early() const noexcept { return early_; }
  /// Appends what the client sends to early(), up to `most` bytes in all.
  /// Completes when at least one byte has come.
  /// Errors: those of connection::read_some().
  /// Cancellation: by `stop`, as connection::read_some().
  asio::awaitable<void> read_early(std::size_t most, asio::cancellation_slot stop, std::error_code& ec);
  /// Returns whether hand_over() was called and its relay has not begun.
  bool is_handed_over() const noexcept { return handed_over_ != nullptr; }
  /// Begins the relay of hand_over(), which keeps `owner`. If it throws, the target's side is cut.
  void start_relay(std::shared_ptr<relay_owner> owner);
  /// Awaits the relay of hand_over(), as relay() does.
  /// Completes when both directions have ended, or at once without hand_over().
  /// Errors: those of async_relay().
  /// Cancellation: as async_relay().
  asio::awaitable<void> relay_if_handed_over(std::error_code& ec);
  /// Called by the owner when the relay has ended, before end_after_relay().
  void relay_is_over() noexcept;
  /// As end() after a relay, at once.
  void end_after_relay(std::error_code why);
  /// Reports that the client gives up. Calls the function that on_abandoned() was given.
  void abandon(std::error_code why);
  /// Sets where relay(), read_some() and write() count their bytes. Side a is the client.
  void count_in(std::shared_ptr<relay_bytes> bytes) noexcept { bytes_ = std::move(bytes); }
  /// The outbound has returned with `why`. Sends the reply if it was not sent, and ends the connection. After
  /// a relay or finish() without an error it is closed in good order, otherwise it is reset with the end_code
  /// of `why`.
  /// Completes when the connection is closed, which takes at most lingering_limit.
  /// Errors: none are reported.
  /// Cancellation has no effect but that the connection is closed earlier.
  asio::awaitable<void> end(std::error_code why);
  /// Called instead of end(). The caller owns the connection from now on, and the bytes of take_early().
  std::shared_ptr<connection> release() noexcept;

 private:
  /// What hand_over() was given.
  struct far_side;

  /// Called once, with the error that answer() or end() was given. Returns the reply of the inbound's
  /// protocol, which may be empty.
  virtual std::vector<std::byte> reply_to(std::error_code outcome);
  /// Whether the reply to success goes with the first bytes to the client, in one write.
  virtual bool reply_waits() const noexcept { return false; }
  asio::awaitable<void> finish_behind_reply();
  relay_options options_within(const relay_options& limits);
  asio::awaitable<void> relay_to(connection& far, relay_options both, std::error_code& ec);
  /// The relay begins. From now on it notices when the client gives up.
  virtual void relay_begins() noexcept {}
  /// end() has ended the connection.
  virtual void has_ended(std::error_code) {}
  void count(std::uint64_t relay_bytes::*direction, std::size_t n) noexcept {
    if (bytes_) bytes_.get()->*direction += n;
  }

  std::shared_ptr<connection> connection_;
  relay_limits limits_;
  std::vector<std::byte> early_, held_reply_;
  std::unique_ptr<far_side> handed_over_;
  std::shared_ptr<connection> far_;  ///< while the relay of hand_over() runs
  std::shared_ptr<relay_bytes> bytes_;
  std::function<void(std::error_code)> on_abandoned_;
  std::error_code refusal_, abandoned_;
  bool answered_ = false, relayed_ = false, finished_ = false, ended_ = false;
};

/// How long a client may take to receive a refusal.
inline constexpr duration lingering_limit = std::chrono::seconds(2);
/// Writes `reply` and closes the connection so that the reply arrives. A socket that is closed with unread
/// bytes discards what its peer has not received. Therefore what the client still sends is read and dropped,
/// until the client ends, lingering_limit is over or 16 MiB have come.
/// Completes when the connection is closed.
/// Errors: none are reported.
/// Cancellation: as connection::write() and read_some(). The connection is closed then.
asio::awaitable<void> write_and_close(std::shared_ptr<connection> c, const_bytes reply);

class link_client;

/// One end of a pipe whose other end is the client of an outbound. Bytes that are written to `stream` go to
/// the target. Destroying the link gives the connection up. Belongs to one strand.
class target_link {
 public:
  struct promises {
    one_shot target, end;
    link_client* far = nullptr;  ///< null after it was destroyed
  };

  target_link(pipe_end s, std::shared_ptr<promises> p) noexcept
      : stream(std::move(s)), promises_(std::move(p)) {}
  target_link(target_link&&) noexcept = default;
  target_link& operator=(target_link&&) = delete;
  ~target_link() {
    if (promises_) abandon();
  }
  /// Signature: void(std::error_code). Completes when the outbound has reached the target or given up.
  /// Errors: the reason why the target was not reached, or operation_aborted if the outbound gave no reason.
  /// Cancellation (any type): operation_aborted.
  template <class Token = asio::use_awaitable_t<>>
  auto async_wait_for_target(Token&& token = {}) {
    return promises_->target.async_wait(stream.get_executor(), std::forward<Token>(token));
  }
  /// Whether async_wait_for_target() would complete at once. Sets `outcome` if so.
  bool is_target_known(std::error_code& outcome) const noexcept {
    if (promises_->target.is_set()) outcome = promises_->target.outcome();
    return promises_->target.is_set();
  }
  /// Signature: void(std::error_code). Completes when the outbound has returned.
  /// Errors: why the connection has ended. No error after EOF in both directions.
  /// Cancellation (any type): operation_aborted.
  template <class Token = asio::use_awaitable_t<>>
  auto async_wait_for_end(Token&& token = {}) {
    return promises_->end.async_wait(stream.get_executor(), std::forward<Token>(token));
  }

  pipe_end stream;

 private:
  void abandon() noexcept;

  std::shared_ptr<promises> promises_;
};

/// The client of an outbound that belongs to a target_link. Sets no limits for the relay.
class link_client final : public client {
 public:
  link_client(pipe_end s, std::shared_ptr<target_link::promises> p);
  ~link_client() override;

 private:
  friend class target_link;
  std::vector<std::byte> reply_to(std::error_code outcome) override;
  void has_ended(std::error_code why) override { promises_->end.set(why); }

  const std::shared_ptr<target_link::promises> promises_;
};

/// `capacity` is the number of bytes that the pipe holds in each direction.
std::pair<target_link, std::unique_ptr<link_client>> make_link(const asio::any_io_executor& executor,
                                                               std::size_t capacity);

}  // namespace muxpro::proxy
