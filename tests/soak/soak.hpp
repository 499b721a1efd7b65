// What the parts of the soak share: targets, good clients, an attacker, and what they measured.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ip/udp.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <random>
#include <string_view>
#include <vector>

namespace soak {

using asio::ip::tcp;
using asio::ip::udp;
using std::error_code;

inline auto or_error(error_code& ec) { return asio::redirect_error(asio::use_awaitable, ec); }

/// All that good clients send begins with it, so that it shows where it should not be.
inline constexpr std::string_view payload_mark = "what-nobody-may-log";

/// Round trips of small messages, in microseconds.
class latencies {
 public:
  void add(std::chrono::steady_clock::duration d) {
    const std::lock_guard lock(mutex_);
    samples_.push_back(
        static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::microseconds>(d).count()));
  }
  /// Takes all samples out, sorted.
  std::vector<std::uint32_t> take();

 private:
  std::mutex mutex_;
  std::vector<std::uint32_t> samples_;
};

struct counters {
  latencies round_trips;
  std::atomic<std::uint64_t> streams{0}, bytes{0}, datagrams{0}, kills{0}, resets{0};
  /// Wrong bytes, ends that should not be.
  std::atomic<std::uint64_t> faults{0};
  std::atomic<std::uint64_t> attacks{0}, repelled{0};
};

struct plan {
  tcp::endpoint server;
  std::uint16_t tcp_echo = 0, udp_echo = 0;
  std::uint16_t tcp_deaf = 0;  ///< accepts and never reads
  std::size_t sessions = 200;
  std::size_t streams_each = 15;
};

/// Hostile clients have another source than good ones.
inline const auto hostile_source = asio::ip::make_address("127.0.0.2");

/// Accepts and never reads, for ever; the last hundred connections stay.
asio::awaitable<void> accept_only(tcp::acceptor& at);
/// Echo over TCP and UDP on loopback, for ever.
asio::awaitable<void> serve_tcp_echo(tcp::acceptor& at);
asio::awaitable<void> serve_udp_echo(udp::socket& at);

/// One good client: a main connection with sub-streams that come and go, cut now and then and made anew.
asio::awaitable<void> good_client(const plan& p, counters& c, const std::atomic<bool>& stop,
                                  std::uint64_t seed);

/// One hostile connection after the other, each of another kind, while `on` holds.
asio::awaitable<void> attacker(const plan& p, counters& c, const std::atomic<bool>& on,
                               const std::atomic<bool>& stop);

}  // namespace soak
