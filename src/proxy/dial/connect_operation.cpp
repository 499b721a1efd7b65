#include "proxy/dial/connect_operation.hpp"

#include "proxy/base/addresses.hpp"
#include "proxy/net/or_error.hpp"
#include "proxy/net/unique_fd.hpp"

#include <algorithm>
#include <cerrno>
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

addresses preferred(addresses found, dial_family family) {
  if (family == dial_family::any) return found;
  const bool v6 = family == dial_family::ipv6 || family == dial_family::only_ipv6;
  const bool only = family == dial_family::only_ipv4 || family == dial_family::only_ipv6;
  addresses kept = found;
  std::erase_if(kept, [v6](const auto& a) { return a.is_v6() != v6; });
  return kept.empty() && !only ? found : kept;
}

std::error_code bind_source(tcp::socket& s, const tcp::endpoint& to, const socket_options& o) {
  std::error_code ec;
  if (!o.source) return ec;
  if (o.source->is_v4() != to.address().is_v4()) return asio::error::address_family_not_supported;
  s.bind({*o.source, 0}, ec);
  return ec;
}

std::error_code as_own_code(const std::error_code& ec) {
  // A refusal comes as connection_refused. This connection was accepted first, and reset before the check.
  if (ec == asio::error::connection_reset) return ec;
  return out_of_resources(ec) ? errc::out_of_room : errc::target_unreachable;
}

}  // namespace

addresses interleaved(addresses found, const address_order& order) {
  if (found.empty()) return found;
  const bool v6_first = order.v6_first.value_or(found.front().is_v6());
  addresses first, second;
  std::partition_copy(found.begin(), found.end(), std::back_inserter(first), std::back_inserter(second),
                      [&](const auto& a) { return a.is_v6() == v6_first; });
  addresses in_turns;
  in_turns.reserve(found.size());
  const auto take = [&](const addresses& from, std::size_t& taken) {
    for (std::size_t n = 0; n < order.in_a_row && taken < from.size(); ++n) in_turns.push_back(from[taken++]);
  };
  for (std::size_t of_first = 0, of_second = 0; in_turns.size() < found.size();) {
    take(first, of_first);
    take(second, of_second);
  }
  return in_turns;
}

void connect_operation::cancel(std::error_code why) {
  if (!cancelled_) cancelled_ = why;
  happened_ = true;
  event_.cancel();
}

bool connect_operation::is_finished(std::error_code& ec) const {
  if (cancelled_) return ec = cancelled_, true;
  if (std::chrono::steady_clock::now() >= deadline_) return ec = errc::target_timeout, true;
  return false;
}

void connect_operation::set_deadline() {
  if (deadline_ == time_point::max()) deadline_ = std::chrono::steady_clock::now() + options_.timeout;
}

// Ends at `when`, at the deadline, or as soon as something has happened since the last call.
asio::awaitable<void> connect_operation::wait_until(time_point when) {
  if (!std::exchange(happened_, false)) {
    std::error_code ignored;
    event_.expires_at(std::min(when, deadline_));
    co_await event_.async_wait(or_error(ignored));
    happened_ = false;
  }
}

asio::awaitable<addresses> connect_operation::look_up(std::string name, std::error_code& ec) {
  struct reply {
    bool there = false;
    std::error_code error;
    addresses found;
  };
  const auto answer = std::make_shared<reply>();
  resolver::handler done = [self = shared_from_this(), answer](std::error_code error, addresses list) {
    *answer = {true, error, std::move(list)};
    self->happened_ = true;
    self->event_.cancel();
  };
  resolver::name_check may_ask = [&policy = policy_](std::string_view completed) {
    return policy.check_name(completed) == verdict::allowed;
  };
  const auto under_way = names_.resolve(name, asker_, executor_, std::move(may_ask), std::move(done));
  while (!answer->there) {
    co_await wait_until(time_point::max());
    if (!answer->there && is_finished(ec)) co_return addresses();
  }
  ec = answer->error;
  co_return std::move(answer->found);
}

asio::awaitable<addresses> connect_operation::find_name(std::string name, std::error_code& ec) {
  if (policy_.check_name(name) != verdict::allowed) {
    ec = errc::target_rejected;
    co_return addresses();
  }
  addresses found = co_await look_up(std::move(name), ec);
  if (ec.category() == error_category() || !ec || ec == cancelled_) co_return found;
  failure_ = ec;
  ec = out_of_resources(ec) ? errc::out_of_room : errc::target_unreachable;
  co_return found;
}

verdict connect_operation::judge(const asio::ip::address& a, std::uint16_t port) const {
  const verdict v = policy_.check(a, port);
  const auto last = options_.final ? options_.final->decide(network::tcp, a, port) : std::nullopt;
  if (last == false) return verdict::blocked_name;
  const bool special = v == verdict::private_address || v == verdict::own_address;
  return last && special ? verdict::allowed : v;
}

asio::awaitable<addresses> connect_operation::find(address host, std::uint16_t port, std::error_code& ec) {
  set_deadline();
  addresses found;
  if (host.is_domain())
    found = co_await find_name(std::string(host.domain()), ec);
  else
    found.push_back(to_asio(host.octets()));
  if (ec) co_return found;
  std::erase_if(found, [&](const auto& a) {
    const verdict v = judge(a, port);
    if (v != verdict::allowed) refused_ = v;
    return v != verdict::allowed;
  });
  if (found.empty()) ec = errc::target_rejected;
  found = preferred(std::move(found), options_.family);
  if (found.empty() && !ec) ec = errc::target_unreachable;
  co_return found;
}

asio::awaitable<destination> connect_operation::resolve(destination target, std::error_code& ec) {
  if (options_.family == dial_family::any || !target.host.is_domain()) co_return target;
  const addresses found = co_await find(target.host, target.port, ec);
  if (!ec) target.host = address(found.front().to_string());
  co_return target;
}

asio::awaitable<tcp::socket> connect_operation::connect(destination target, std::error_code& ec) {
  set_deadline();
  addresses found = co_await find(target.host, target.port, ec);
  found = interleaved(std::move(found), options_.order);
  if (found.size() > most_attempts) found.resize(most_attempts);
  attempts_.reserve(found.size());  // sockets that connect must not move
  time_point next_start = time_point::min();
  while (!ec && connected_ == 0) {
    const bool more = attempts_.size() < found.size();
    if (!more && running_ == 0) ec = as_own_code(failure_);
    if (ec || is_finished(ec)) break;
    const time_point now = std::chrono::steady_clock::now();
    const time_point start = std::max(next_start, place_free_at());
    if (more && (running_ == 0 || now >= start)) {
      make_place();
      next_start = now + options_.stagger;
      start_attempt({found[attempts_.size()], target.port});
      continue;
    }
    co_await wait_until(more ? start : time_point::max());
  }
  if (!ec && cancelled_) ec = cancelled_;  // it connected in the same moment
  for (std::size_t i = 0; i < attempts_.size(); ++i)
    if (i + 1 != connected_ || ec) close(attempts_[i]);
  if (ec) co_return tcp::socket(executor_);
  co_return std::move(attempts_[connected_ - 1].socket);
}

void connect_operation::close(attempt& a) {
  std::error_code ignored;
  // A target that has accepted already must not take the cut for a request without a byte.
  if (cancelled_ && a.socket.is_open()) a.socket.set_option(asio::socket_base::linger(true, 0), ignored);
  a.socket.close(ignored);
}

// The first one that is still under way.
connect_operation::attempt* connect_operation::oldest() {
  const auto found =
      std::find_if(attempts_.begin(), attempts_.end(), [](const attempt& a) { return a.running; });
  return found == attempts_.end() ? nullptr : &*found;
}

// When as many are under way as may be, the oldest one has had its time at some point.
time_point connect_operation::place_free_at() {
  if (running_ < options_.order.at_once) return time_point::min();
  return oldest()->begun + options_.timeout / 4;
}

void connect_operation::make_place() {
  if (running_ < options_.order.at_once) return;
  attempt& a = *oldest();
  a.running = false;
  --running_;
  if (!failure_) failure_ = asio::error::timed_out;
  close(a);
}

void connect_operation::start_attempt(const tcp::endpoint& to) {
  attempt& a = attempts_.emplace_back(executor_);
  std::error_code ec;
  unique_fd fresh(make_tcp_socket(to.protocol().family(), options_.socket));
  if (fresh)
    a.socket.assign(to.protocol(), fresh.get(), ec);
  else
    ec.assign(errno, asio::error::get_system_category());
  if (!ec) ec = set_route_options(fresh.release(), options_.socket);
  if (!ec) ec = bind_source(a.socket, to, options_.socket);
  if (ec) {
    failure_ = ec;
    return;
  }
  set_options(a.socket.native_handle(), options_.socket);
  a.running = true;
  ++running_;
  const std::size_t which = attempts_.size();
  const auto connect = [&] {
    a.socket.async_connect(to, [self = shared_from_this(), which](std::error_code result) {
      self->attempt_ended(which, result);
    });
    return a.socket.local_endpoint(ec).port();
  };
  if (own_dials* const all = policy_.dials())
    all->start(to, std::chrono::steady_clock::now(), connect);
  else
    connect();
}

void connect_operation::attempt_ended(std::size_t which, std::error_code ec) {
  attempt& a = attempts_[which - 1];
  if (!a.running) return;  // closed, to make place
  a.running = false;
  --running_;
  if (ec) {
    failure_ = ec;
    close(a);
  } else if (connected_ == 0) {
    connected_ = which;
  }
  happened_ = true;
  event_.cancel();
}

}  // namespace muxpro::proxy
