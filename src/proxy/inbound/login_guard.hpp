// login_guard, which counts, logs and slows down wrong passwords for an inbound.
#pragma once

#include "proxy/policy/login_rate_limiter.hpp"

#include <muxpro/proxy/context.hpp>
#include <muxpro/proxy/dispatcher.hpp>

#include <asio/awaitable.hpp>

namespace muxpro::proxy {

/// Shared by the threads of an inbound.
class login_guard {
 public:
  /// Waits until a password of the client of `ctx` may be checked. Returns false if it may not be checked at
  /// all, because too many logins of the source wait, which the log notes. No errors. Waits
  /// login_rate_limiter::longest_wait at most, and is not cancelled. Both arguments must outlive the call.
  asio::awaitable<bool> wait_for_turn(const context& ctx, const dispatcher& to);
  /// A password of the client of `ctx` was wrong.
  void failed(const context& ctx, const dispatcher& to);

 private:
  login_rate_limiter guesses_;
};

}  // namespace muxpro::proxy
