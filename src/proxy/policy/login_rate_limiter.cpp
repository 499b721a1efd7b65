#include "proxy/policy/login_rate_limiter.hpp"

#include "proxy/base/client_share.hpp"

#include <algorithm>

namespace muxpro::proxy {

std::optional<duration> login_rate_limiter::wait(const asio::ip::address& source, time_point now) {
  const std::lock_guard lock(mutex_);
  const auto found = sources_.find(source_prefix(source));
  if (found == sources_.end()) return duration(0);
  entry& e = found->second;
  const time_point free_again = e.forgiven - (free_failures - 1) * pause;
  if (free_again <= now && e.next_turn <= now) return duration(0);
  const time_point turn = std::max({now, free_again, e.next_turn});
  if (turn - now > longest_wait) return std::nullopt;
  e.next_turn = turn + pause;
  return turn - now;
}

void login_rate_limiter::failed(const asio::ip::address& source, time_point now) {
  const std::lock_guard lock(mutex_);
  if (now >= look_at_) forget(now);
  const asio::ip::address key = source_prefix(source);
  if (sources_.size() >= most_sources && !sources_.contains(key)) return;
  entry& e = sources_[key];
  e.forgiven = std::min(std::max(e.forgiven, now) + pause, now + free_failures * pause);
}

void login_rate_limiter::forget(time_point now) {
  std::erase_if(sources_,
                [now](const auto& s) { return std::max(s.second.forgiven, s.second.next_turn) <= now; });
  look_at_ = now + free_failures * pause;
}

}  // namespace muxpro::proxy
