// One stream of datagrams and its socket.
#pragma once

#include "proxy/udp/udp_nat.hpp"

#include <muxpro/timer.hpp>

#include <fmt/format.h>

#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <utility>

namespace muxpro::proxy {

/// 0 for what is no bound socket.
std::uint16_t port_of(int descriptor);

/// Runs on the stream's executor.
class udp_nat::association : public std::enable_shared_from_this<association> {
 public:
  association(udp_nat& nat, std::unique_ptr<datagram_stream> stream, owner who)
      : nat_(nat),
        stream_(std::move(stream)),
        executor_(stream_->get_executor()),
        owner_(std::move(who)),
        rate_(owner_.rate.value_or(nat_.limits_.user_datagrams)),
        pace_(rate_),
        over_rate_(fmt::format("{} (at most {} in a second)", owner_.log_name, rate_.burst)),
        socket_(executor_),
        handed_over_(executor_, time_point::max()) {}

  /// Waits for the socket if open_mapping() gave none, because another association of this mapping still has
  /// it. Returns false if stopped before.
  asio::awaitable<bool> socket_there();
  asio::awaitable<void> send_outside();
  static asio::awaitable<void> receive_from_outside(std::shared_ptr<association> self);
  /// On any thread.
  void stop(end_code code) noexcept;
  /// On its own thread, without memory to go on.
  void fail() noexcept { stream_->end(end_code::resources); }
  /// On any thread, under the table's lock.
  void hand_over(int descriptor) noexcept;

  const owner& who() const noexcept { return owner_; }
  /// A new socket, or an old one.
  bool open(int descriptor);
  /// A new socket, as the options want it.
  std::error_code open_as(const asio::ip::udp& family);
  int native() { return socket_.native_handle(); }
  std::uint16_t port() { return port_of(socket_.is_open() ? native() : handed_); }
  /// Gives the socket away, or returns -1 without one. Called under the table's lock.
  int take_socket() {
    std::error_code ignored;
    return socket_.is_open() ? socket_.release(ignored) : std::exchange(handed_, -1);
  }
  nat_table::mapping id = 0;

 private:
  asio::awaitable<asio::ip::udp::endpoint> where(host_port to, std::error_code& ec);
  asio::ip::udp::endpoint suited(const asio::ip::address& a, std::uint16_t port) const;
  bool wanted(const asio::ip::udp::endpoint& from) const;
  /// By a datagram of `size` bytes from the outside.
  void used(std::size_t size) {
    const std::lock_guard lock(nat_.mutex_);
    nat_.table_.touch(id, std::chrono::steady_clock::now());
    nat_.counts_.received += size;
  }
  /// Counts a datagram to the outside. Returns false if its user has sent too many.
  bool used_by_client();
  bool refused(std::uint16_t port);
  void sent(std::size_t size);
  void drop(drop_reason why) const { nat_.drops_->note(why, owner_.log_name); }

  static constexpr std::size_t most_names = 64;
  static constexpr int datagrams_a_turn = 32;

  udp_nat& nat_;
  const std::unique_ptr<datagram_stream> stream_;
  const asio::any_io_executor executor_;
  const owner owner_;
  const rate_limit rate_;
  const user_pace pace_;
  const std::string over_rate_;  ///< whose datagrams are dropped then
  asio::ip::udp::socket socket_;
  counted_timer handed_over_;
  int handed_ = -1;  ///< a descriptor on its way, under the table's lock
  bool stopped_ = false;
  std::shared_ptr<connect_operation> search_;
  bool v6_ = true;
  std::optional<asio::ip::udp::endpoint> target_;
  std::deque<std::pair<host_port, asio::ip::udp::endpoint>> names_;
};

}  // namespace muxpro::proxy
