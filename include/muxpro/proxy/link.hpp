// What connects an inbound with an outbound: a pipe, and the word of what became of the target. Ring 4.
#pragma once

#include <muxpro/one_shot.hpp>
#include <muxpro/pipe.hpp>
#include <muxpro/relay_options.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/use_awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace muxpro::proxy {

class connection;

/// A client that has been answered, as an inbound hands it over.
struct answered_client {
  answered_client() = default;
  answered_client(std::shared_ptr<connection> c, std::vector<std::byte> e, relay_options l)
      : itself(std::move(c)), early(std::move(e)), limits(std::move(l)) {}

  std::shared_ptr<connection> itself;
  std::vector<std::byte> early;  ///< what it has said already
  relay_options limits;
};

/// Between an inbound and its client there is often nothing left to do once the client is answered. If the inbound
/// offers that, an outbound may ask for the connection itself instead of a pipe.
enum class client_side : std::uint8_t { pipe, offered, wanted };

/// The outbound says whether the target is there and how it ended; the inbound may wait for either, and may
/// give up. Belongs to one strand.
class outcome {
 public:
  explicit outcome(client_side c) noexcept : client_(c) {}

  /// No error: the target is there, or it will be told later that it is not.
  void tell(std::error_code ec) { reached_.tell(ec); }
  /// Before tell(): the connection is wanted. False: it is not to be had.
  bool want_client() noexcept {
    if (client_ == client_side::offered && !reached_.told()) client_ = client_side::wanted;
    return client_ == client_side::wanted;
  }
  client_side client() const noexcept { return client_; }
  /// Completes when hand_over() was called; with operation_aborted if the inbound gave up.
  template <class Token>
  auto async_wait_for_client(const asio::any_io_executor& executor, Token&& token) {
    return handed_.async_wait(executor, std::forward<Token>(token));
  }
  answered_client take_client() noexcept { return std::move(answered_); }
  /// What its relay counts; a is the client.
  relay_bytes client_bytes;
  void hand_over(answered_client c) {
    answered_ = std::move(c);
    handed_.tell({});
  }
  /// Why the link has ended; none: EOF both ways.
  void end(std::error_code why) { ended_.tell(why); }
  /// Complete when tell() or end() was called; with operation_aborted if the outbound went without a word.
  template <class Token>
  auto async_wait(const asio::any_io_executor& executor, Token&& token) {
    return reached_.async_wait(executor, std::forward<Token>(token));
  }
  bool told(std::error_code& ec) const noexcept {
    if (reached_.told()) ec = reached_.outcome();
    return reached_.told();
  }
  template <class Token>
  auto async_wait_for_end(const asio::any_io_executor& executor, Token&& token) {
    return ended_.async_wait(executor, std::forward<Token>(token));
  }

  /// `call` when the inbound gives up; empty: nothing any more.
  void on_abandoned(std::function<void()> call) {
    abandoned_ = std::move(call);
    if (gone_ && abandoned_) std::exchange(abandoned_, nullptr)();
  }
  void abandon() {
    gone_ = true;
    handed_.tell(asio::error::operation_aborted);
    if (abandoned_) std::exchange(abandoned_, nullptr)();
  }

 private:
  one_shot reached_, ended_, handed_;
  client_side client_;
  answered_client answered_;
  bool gone_ = false;
  std::function<void()> abandoned_;
};

/// The inbound's end. What it writes goes to the target. Destroying it gives the connection up.
class inbound_link {
 public:
  inbound_link(pipe_end s, std::shared_ptr<outcome> t) noexcept
      : stream(std::move(s)), target_(std::move(t)) {}
  inbound_link(inbound_link&&) noexcept = default;
  inbound_link& operator=(inbound_link&&) = delete;
  ~inbound_link() {
    if (target_) target_->abandon();
  }
  /// Signature of these: void(std::error_code). Cancellation (any type): operation_aborted.
  template <class Token = asio::use_awaitable_t<>>
  auto async_wait_for_target(Token&& token = {}) {
    return target_->async_wait(stream.get_executor(), std::forward<Token>(token));
  }
  /// Whether there is nothing to wait for any more.
  bool knows_target(std::error_code& outcome) const noexcept { return target_->told(outcome); }
  /// async_wait_for_target() ends, and the outbound is told that nobody wants it any more.
  void give_up() {
    target_->tell(asio::error::operation_aborted);
    target_->abandon();
  }
  /// For a client that can still be told why `stream` was cut.
  template <class Token = asio::use_awaitable_t<>>
  auto async_wait_for_end(Token&& token = {}) {
    return target_->async_wait_for_end(stream.get_executor(), std::forward<Token>(token));
  }
  /// Whether the connection itself is wanted instead of `stream`, once the target is there.
  bool wants_client() const noexcept { return target_->client() == client_side::wanted; }
  /// Completes when the outbound is done with it: with why the link has ended, none after EOF both ways;
  /// operation_aborted if the outbound went without a word. It is the outbound's until then: giving the link
  /// up has no effect any more, connection::cut() has. Cancellation (any type): operation_aborted; the
  /// outbound keeps the client.
  template <class Token = asio::use_awaitable_t<>>
  auto async_hand_over(answered_client c, Token&& token = {}) {
    target_->hand_over(std::move(c));
    return async_wait_for_end(std::forward<Token>(token));
  }

  pipe_end stream;

 private:
  std::shared_ptr<outcome> target_;
};

/// The outbound's end. Destroying it before tell() or end() says operation_aborted.
class outbound_link {
 public:
  outbound_link(pipe_end s, std::shared_ptr<outcome> t) noexcept
      : stream(std::move(s)), target_(std::move(t)) {}
  outbound_link(outbound_link&&) noexcept = default;
  outbound_link& operator=(outbound_link&&) = delete;
  ~outbound_link() {
    if (!target_) return;
    target_->tell(asio::error::operation_aborted);
    target_->end(asio::error::operation_aborted);
  }
  outcome& target() noexcept { return *target_; }
  /// outcome::async_wait_for_client(). Signature: void(std::error_code). Cancellation (any type):
  /// operation_aborted.
  template <class Token = asio::use_awaitable_t<>>
  auto async_wait_for_client(Token&& token = {}) {
    return target_->async_wait_for_client(stream.get_executor(), std::forward<Token>(token));
  }
  /// outcome::client_bytes, for whoever outlives the link.
  std::shared_ptr<relay_bytes> client_bytes() const noexcept { return {target_, &target_->client_bytes}; }

  pipe_end stream;
  /// Was read from `stream` already, and goes to the target first.
  std::vector<std::byte> first_data;

 private:
  std::shared_ptr<outcome> target_;
};

/// The two ends, with `capacity` bytes each way.
std::pair<inbound_link, outbound_link> make_link(const asio::any_io_executor& executor, std::size_t capacity,
                                                 client_side client = client_side::pipe);

}  // namespace muxpro::proxy
