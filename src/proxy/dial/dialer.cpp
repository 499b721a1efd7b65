#include "proxy/dial/dialer.hpp"

#include "proxy/base/addresses.hpp"
#include "proxy/net/or_error.hpp"

#include <algorithm>
#include <utility>

namespace muxpro::proxy {

using asio::ip::tcp;
using addresses = std::vector<asio::ip::address>;

namespace {

bool out_of_resources(const std::error_code& ec) {
  return ec == asio::error::no_descriptors || ec == std::errc::too_many_files_open_in_system ||
         ec == asio::error::no_memory || ec == asio::error::no_buffer_space ||
         ec == std::errc::address_not_available;
}

// Where there is none of the family, the other one is better than nothing.
addresses preferred(addresses found, dial_family family) {
  addresses kept = found;
  if (family != dial_family::any)
    std::erase_if(kept, [family](const auto& a) { return a.is_v6() != (family == dial_family::ipv6); });
  return kept.empty() ? found : kept;
}

std::error_code as_own_code(const std::error_code& ec) {
  // A refusal comes as connection_refused: this one was accepted first, and reset before we could look.
  if (ec == asio::error::connection_reset) return ec;
  return out_of_resources(ec) ? errc::out_of_room : errc::target_unreachable;
}

}  // namespace

addresses interleaved(addresses found) {
  if (found.empty()) return found;
  const bool v6_first = found.front().is_v6();
  addresses first, second;
  std::partition_copy(found.begin(), found.end(), std::back_inserter(first), std::back_inserter(second),
                      [&](const auto& a) { return a.is_v6() == v6_first; });
  addresses in_turns;
  in_turns.reserve(found.size());
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) in_turns.push_back(first[i]);
    if (i < second.size()) in_turns.push_back(second[i]);
  }
  return in_turns;
}

void dial::cancel(std::error_code why) {
  if (!cancelled_) cancelled_ = why;
  happened_ = true;
  event_.cancel();
}

bool dial::over(std::error_code& ec) const {
  if (cancelled_) return ec = cancelled_, true;
  if (std::chrono::steady_clock::now() >= deadline_) return ec = errc::target_timeout, true;
  return false;
}

void dial::set_deadline() {
  if (deadline_ == time_point::max()) deadline_ = std::chrono::steady_clock::now() + options_.timeout;
}

// Ends at `when`, at the deadline, or as soon as something has happened since the last call.
asio::awaitable<void> dial::wait_until(time_point when) {
  if (!std::exchange(happened_, false)) {
    std::error_code ignored;
    event_.expires_at(std::min(when, deadline_));
    co_await event_.async_wait(or_error(ignored));
    happened_ = false;
  }
}

asio::awaitable<addresses> dial::find(address host, std::uint16_t port, std::error_code& ec) {
  struct answer {
    bool there = false;
    std::error_code error;
    addresses found;
  };
  set_deadline();
  addresses found;
  if (host.is_domain()) {
    if (policy_.check_name(host.domain()) != verdict::allowed) {
      ec = errc::target_rejected;
      co_return found;
    }
    const auto reply = std::make_shared<answer>();
    const auto self = shared_from_this();
    resolver::handler done = [self, reply](std::error_code error, addresses list) {
      reply->there = true;
      reply->error = error;
      reply->found = std::move(list);
      self->happened_ = true;
      self->event_.cancel();
    };
    names_.resolve(std::string(host.domain()), executor_, std::move(done));
    while (!reply->there) {
      co_await wait_until(time_point::max());
      if (!reply->there && over(ec)) co_return found;
    }
    if (reply->error) ec = errc::target_unreachable;
    found = std::move(reply->found);
  } else {
    found.push_back(to_asio(host.octets()));
  }
  if (ec) co_return found;
  std::erase_if(found, [&](const auto& a) { return policy_.check(a, port) != verdict::allowed; });
  if (found.empty()) ec = errc::target_rejected;
  co_return preferred(std::move(found), options_.family);
}

asio::awaitable<tcp::socket> dial::connect(destination target, std::error_code& ec) {
  set_deadline();
  addresses found = co_await find(target.host, target.port, ec);
  found = interleaved(std::move(found));
  attempts_.reserve(found.size());  // sockets that connect must not move
  std::size_t next = 0;
  time_point next_start = time_point::min();
  while (!ec && connected_ == 0) {
    const bool more = next < found.size();
    if (!more && running_ == 0) ec = as_own_code(failure_);
    if (ec || over(ec)) break;
    const time_point now = std::chrono::steady_clock::now();
    if (more && (running_ == 0 || now >= next_start)) {
      next_start = now + options_.stagger;
      start_attempt({found[next++], target.port});
      continue;
    }
    co_await wait_until(more ? next_start : time_point::max());
  }
  if (!ec && cancelled_) ec = cancelled_;  // it connected in the same moment
  for (std::size_t i = 0; i < attempts_.size(); ++i) {
    std::error_code ignored;
    if (i + 1 == connected_ && !ec) continue;
    // A target that has accepted already must not take the cut for a request without a byte.
    if (cancelled_) attempts_[i].set_option(asio::socket_base::linger(true, 0), ignored);
    attempts_[i].close(ignored);
  }
  if (ec) co_return tcp::socket(executor_);
  co_return std::move(attempts_[connected_ - 1]);
}

void dial::start_attempt(const tcp::endpoint& to) {
  attempts_.emplace_back(executor_);
  tcp::socket& socket = attempts_.back();
  std::error_code ec;
  socket.open(to.protocol(), ec);
  if (ec) {
    failure_ = ec;
    return;
  }
  set_options(socket.native_handle(), options_.socket);
  ++running_;
  const std::size_t which = attempts_.size();
  socket.async_connect(
      to, [self = shared_from_this(), which](std::error_code result) { self->attempt_ended(which, result); });
}

void dial::attempt_ended(std::size_t which, std::error_code ec) {
  --running_;
  if (ec)
    failure_ = ec;
  else if (connected_ == 0)
    connected_ = which;
  happened_ = true;
  event_.cancel();
}

}  // namespace muxpro::proxy
