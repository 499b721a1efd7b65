// login_rate_limiter: limits how fast a source may guess passwords. Ring 4, a rule without I/O and clock.
// Thread-safe.
#pragma once

#include <muxpro/options.hpp>

#include <asio/ip/address.hpp>

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>

namespace muxpro::proxy {

/// A source may fail ten times. After that its logins are checked one in a second, right or wrong. Each
/// second without a failure gives one of the ten back. A source is an IPv4 address or the /64 of an IPv6
/// address.
class login_rate_limiter {
 public:
  static constexpr int free_failures = 10;
  static constexpr duration pause = std::chrono::seconds(1);
  /// A login that would wait longer is not checked.
  static constexpr duration longest_wait = std::chrono::seconds(10);
  /// Sources that are remembered. Beyond that, new ones are not slowed.
  static constexpr std::size_t most_sources = 100'000;

  /// Returns how long a login must wait before its password is checked, or nothing if too many wait already.
  std::optional<duration> wait(const asio::ip::address& source, time_point now);
  /// A password was wrong.
  void failed(const asio::ip::address& source, time_point now);
  std::size_t sources() const {
    const std::lock_guard lock(mutex_);
    return sources_.size();
  }

 private:
  struct entry {
    time_point forgiven{};   ///< when the source has all its failures back
    time_point next_turn{};  ///< of a login that must wait
  };
  void forget(time_point now);

  mutable std::mutex mutex_;
  time_point look_at_{};
  std::map<asio::ip::address, entry> sources_;
};

}  // namespace muxpro::proxy
