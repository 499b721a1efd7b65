// The client's side of a transport: connections to one place. Ring 4.
#pragma once

#include <muxpro/proxy/dialer.hpp>
#include <muxpro/proxy/resolver.hpp>
#include <muxpro/proxy/transport.hpp>

#include <asio/awaitable.hpp>

#include <atomic>
#include <memory>
#include <system_error>

namespace muxpro::proxy {

/// Shared by all threads. The place is the operator's choice: no policy stands between.
class transport_dialer {
 public:
  transport_dialer(stream_address to, transport_use how, dial_options options = {});

  /// `ec` says why not: as dial::connect() does, or what the transport says. dial_options::timeout is for the
  /// socket, the transport's own limit for what comes then. Cancellable.
  asio::awaitable<std::shared_ptr<connection>> dial(std::error_code& ec);
  /// The last dial that was not cancelled has failed, less than 10 s ago: a balancer may have something
  /// better. Any thread.
  bool failing() const noexcept;
  const stream_address& target() const noexcept { return to_; }
  /// Before the executors go that dial() was called on.
  void stop() { names_.stop(); }

 private:
  asio::awaitable<stream_socket> connect(std::error_code& ec);
  void note(std::error_code outcome) noexcept;

  const stream_address to_;
  const std::shared_ptr<const transport> over_;
  dial_options options_;
  resolver names_{2};
  dial_policy everything_;
  std::atomic<time_point> failed_{time_point::min()};
};

}  // namespace muxpro::proxy
