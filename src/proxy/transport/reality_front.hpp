// reality_front: a client of a REALITY server from its first byte until it is known whether it is one of its
// own. Meanwhile what it sends goes to the target. Ring 4.
#pragma once

#include "proxy/reality/client_hello.hpp"
#include "proxy/reality/target_flight.hpp"

#include <muxpro/one_shot.hpp>
#include <muxpro/proxy/connection.hpp>

#include <asio/awaitable.hpp>
#include <asio/cancellation_signal.hpp>

#include <cstddef>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// Belongs to one strand.
class reality_front : public std::enable_shared_from_this<reality_front> {
 public:
  reality_front(std::shared_ptr<connection> client, std::shared_ptr<connection> target) noexcept
      : client_(std::move(client)), target_(std::move(target)) {}

  /// Completes with the client's ClientHello when it has come, or with none as soon as there cannot be one,
  /// the target has answered before, or `limit` is over.
  /// Errors: those of the client's read and of the target's write; the end of either is none.
  /// Cancellation: none; cutting the connections ends it.
  asio::awaitable<received_hello> read_hello(duration limit, std::error_code& ec);
  /// Completes with the target's answer when that is decided, or with status::need_more after `limit`.
  /// Errors: none.
  /// Cancellation: none; cutting the connections ends it.
  asio::awaitable<target_flight> read_flight(duration limit);
  /// Stops reading the target. Completes with what it has sent.
  /// Errors: `ec` is why a read has failed; the target's end is none.
  /// Cancellation: none.
  asio::awaitable<std::vector<std::byte>> stop(std::error_code& ec);

  /// Whether the target has sent bytes, or has ended.
  bool target_came() const noexcept { return target_came_; }
  /// What the client has sent.
  std::vector<std::byte>& received() noexcept { return received_; }

 private:
  void begin_to_watch();
  static asio::awaitable<void> watch_target(std::shared_ptr<reality_front> self);
  /// The target has sent bytes, or has ended, or it is late.
  void end_of_wait();
  asio::awaitable<void> read_client(asio::cancellation_slot stop, std::error_code& ec);

  const std::shared_ptr<connection> client_, target_;
  std::vector<std::byte> received_, answered_;
  asio::cancellation_signal stop_client_, stop_target_;
  std::error_code target_failed_;
  bool must_decide_ = false, target_came_ = false, stopping_ = false;
  one_shot flight_, watched_;  ///< the target's answer is decided; watch_target() has ended
};

}  // namespace muxpro::proxy
