#include "proxy/engine/silent_clients.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace muxpro::proxy {

namespace {

/// What Linux 4.1 and later put behind the members that glibc's tcp_info has (linux/tcp.h).
struct longer_tcp_info {
  tcp_info known;
  std::uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
};

/// False for a socket that cannot be asked, such as a unix socket.
bool has_received_nothing(int socket) noexcept {
  longer_tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
  return size >= sizeof info && info.bytes_received == 0;
}

}  // namespace

void silent_clients::watch(std::weak_ptr<connection> c, int socket, std::weak_ptr<const void> waits) {
  drop_spoken();
  entries_.push_back({std::chrono::steady_clock::now() + limit_, std::move(c), socket, std::move(waits)});
  wait();
}

void silent_clients::drop_spoken() {
  while (!entries_.empty() && entries_.front().waits.expired()) entries_.pop_front();
}

void silent_clients::wait() {
  if (waiting_ || entries_.empty()) return;
  timer_.expires_at(entries_.front().late);
  timer_.async_wait([this](std::error_code cancelled) {
    waiting_ = false;
    if (!cancelled) cut_late();
  });
  waiting_ = true;
}

// If the descriptor belongs to another connection by now, this one has ended, and cutting it changes nothing.
void silent_clients::cut_late() {
  const time_point now = std::chrono::steady_clock::now();
  while (!entries_.empty() && entries_.front().late <= now) {
    const entry e = std::move(entries_.front());
    entries_.pop_front();
    const auto c = e.c.lock();
    if (c && !e.waits.expired() && has_received_nothing(e.socket)) c->cut();
  }
  drop_spoken();
  wait();
}

}  // namespace muxpro::proxy
