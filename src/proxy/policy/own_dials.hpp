// own_dials, the ports that this process has dialled from a moment ago. Ring 4, a rule without I/O and clock.
// Thread-safe.
#pragma once

#include <muxpro/options.hpp>

#include <asio/ip/tcp.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <new>
#include <unordered_map>
#include <utility>

namespace muxpro::proxy {

/// Finds connections that lead back to their own process, by whatever name, address or NAT.
class own_dials {
 public:
  /// A listener accepts a connection within this time.
  static constexpr duration remembered = std::chrono::seconds(10);

  /// Calls `connect`, which sends the first packet to `target` and returns the local port, or 0 if it has
  /// sent no packet. has_dialled() waits meanwhile, so that it finds the port however fast the connection is
  /// accepted.
  template <class Connect>
  void start(const asio::ip::tcp::endpoint& target, time_point now, Connect&& connect) {
    shard& mine = shards_[shard_of_thread()];
    const std::lock_guard lock(mine.mutex);
    const std::uint16_t port = std::forward<Connect>(connect)();
    mine.forget(now);
    if (port != 0) mine.remember(port, target, now + remembered);
  }
  /// Whether the process has dialled the connection that it has accepted from `source` at `here`. `is_local`
  /// is true if the source has an address of this machine. The ports must agree, and so must the addresses.
  /// Either that of `here` was dialled, or a NAT is between, which shows the address that was dialled or that
  /// of the interface.
  bool has_dialled(const asio::ip::tcp::endpoint& source, const asio::ip::tcp::endpoint& here, bool is_local,
                   time_point now) const {
    for (const shard& s : shards_) {
      const std::lock_guard lock(s.mutex);
      const auto found = s.ports.find(source.port());
      if (found == s.ports.end() || found->second.until <= now) continue;
      const asio::ip::tcp::endpoint& target = found->second.target;
      if (target.port() != here.port()) continue;
      if (target.address() == source.address()) return true;
      if (is_local && (target == here || !source.address().is_loopback())) return true;
    }
    return false;
  }

 private:
  struct dialled {
    asio::ip::tcp::endpoint target;
    time_point until;
  };
  struct shard {
    // Without memory a loop may be missed, because the connection is under way already.
    void remember(std::uint16_t port, const asio::ip::tcp::endpoint& target, time_point until) noexcept {
      try {
        order.emplace_back(until, port);
        ports[port] = {target, until};
      } catch (const std::bad_alloc&) {
      }
    }
    void forget(time_point now) {
      for (; !order.empty() && order.front().first <= now; order.pop_front()) {
        const auto found = ports.find(order.front().second);
        if (found != ports.end() && found->second.until <= now) ports.erase(found);
      }
    }

    mutable std::mutex mutex;
    std::unordered_map<std::uint16_t, dialled> ports;
    std::deque<std::pair<time_point, std::uint16_t>> order;
  };

  /// Threads that dial do not wait for each other.
  static std::size_t shard_of_thread() noexcept {
    static std::atomic<std::size_t> threads{0};
    thread_local const std::size_t mine = threads++ % shards;
    return mine;
  }

  static constexpr std::size_t shards = 16;
  std::array<shard, shards> shards_;
};

}  // namespace muxpro::proxy
