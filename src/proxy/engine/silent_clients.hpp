// silent_clients, the connections whose client has not sent a byte yet.
#pragma once

#include <muxpro/options.hpp>
#include <muxpro/proxy/connection.hpp>
#include <muxpro/timer.hpp>

#include <asio/any_io_executor.hpp>

#include <deque>
#include <memory>

namespace muxpro::proxy {

/// Cuts them after a time limit. Lives on one thread.
class silent_clients {
 public:
  silent_clients(asio::any_io_executor executor, duration limit)
      : limit_(limit), timer_(std::move(executor)) {}

  /// `socket` is the descriptor that `c` is over. `waits` expires when the client's request was read.
  void watch(std::weak_ptr<connection> c, int socket, std::weak_ptr<const void> waits);

 private:
  struct entry {
    time_point late;
    std::weak_ptr<connection> c;
    int socket;
    std::weak_ptr<const void> waits;
  };
  void drop_spoken();
  void wait();
  void cut_late();

  const duration limit_;
  counted_timer timer_;
  std::deque<entry> entries_;  ///< in the order of their time limits
  bool waiting_ = false;
};

}  // namespace muxpro::proxy
