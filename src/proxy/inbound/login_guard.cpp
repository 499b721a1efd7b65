#include "proxy/inbound/login_guard.hpp"

#include "proxy/engine/stats.hpp"
#include "proxy/net/or_error.hpp"

#include <muxpro/proxy/stream_socket.hpp>
#include <muxpro/timer.hpp>

#include <fmt/format.h>

#include <chrono>
#include <system_error>

namespace muxpro::proxy {

using std::chrono::steady_clock;

asio::awaitable<bool> login_guard::wait_for_turn(const context& ctx, const dispatcher& to) {
  const context::inbound_part& in = ctx.inbound;
  const auto pause = guesses_.wait(in.source, steady_clock::now());
  if (!pause) {
    to.note(log_level::warning, in.source,
            fmt::format("a login from {} port {} was not checked ({}): too many of its source wait",
                        shown_source(in.source), in.source_port, in.tag));
    co_return false;
  }
  if (*pause > duration(0)) {
    counted_timer timer(to.get_executor(), *pause);
    std::error_code ignored;
    co_await timer.async_wait(or_error(ignored));
  }
  co_return true;
}

void login_guard::failed(const context& ctx, const dispatcher& to) {
  const context::inbound_part& in = ctx.inbound;
  guesses_.failed(in.source, steady_clock::now());
  if (to.counts()) to.counts()->count_failed_login(in.tag);
  to.note(log_level::warning, in.source,
          fmt::format("authentication failed from {} port {} ({})", shown_source(in.source), in.source_port,
                      in.tag));
}

}  // namespace muxpro::proxy
