#include "proxy/udp/udp_nat.hpp"
#include <muxpro/proxy/stream_socket.hpp>
#include <muxpro/timer.hpp>
#include "proxy/base/client_share.hpp"
#include "proxy/base/log_text.hpp"
#include "proxy/base/port_set.hpp"
#include "proxy/udp/udp_association.hpp"

#include <asio/co_spawn.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include <unistd.h>

#include <algorithm>
#include <new>
#include <stdexcept>
#include <utility>

namespace muxpro::proxy {

using asio::ip::udp;
using std::chrono::steady_clock;

udp_nat::owner::owner(const context::inbound_part& client)
    : key(share_of(client)),
      log_name(client.user.name.empty() ? shown_source(client.source)
                                        : "user " + percent_encoded(client.user.name)),
      rate(client.user.datagrams) {}

namespace {

std::unique_ptr<const port_set> refused_by(const nat_limits& limits) {
  if (const std::string mistake = limits.validate(); !mistake.empty()) throw std::invalid_argument(mistake);
  if (limits.refused_ports.empty()) return nullptr;
  return std::make_unique<const port_set>(*port_set::parse(limits.refused_ports));
}

void close_mapped(int descriptor, std::unordered_multiset<std::uint16_t>& ports) {
  if (const auto port = ports.find(port_of(descriptor)); port != ports.end()) ports.erase(port);
  ::close(descriptor);
}

}  // namespace

udp_nat::udp_nat(nat_limits limits, dial_options dial, resolver& names, const dial_policy& policy,
                 std::shared_ptr<datagram_drops> drops)
    : limits_(std::move(limits)),
      dial_(dial),
      names_(names),
      policy_(policy),
      refused_(refused_by(limits_)),
      table_(limits_),
      rates_(limits_.user_datagrams),
      drops_(drops ? std::move(drops) : std::make_shared<datagram_drops>()) {}

udp_nat::~udp_nat() {
  for (const auto& p : parked_) ::close(p.second);
}

std::size_t udp_nat::mappings() const {
  const std::lock_guard lock(mutex_);
  return table_.size();
}

nat_counts udp_nat::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

bool udp_nat::is_own_port(const udp::endpoint& e) const {
  if (!policy_.is_own(e.address())) return false;
  const std::lock_guard lock(mutex_);
  return ports_.contains(e.port());
}

// Under the lock.
void udp_nat::retire(nat_table::mapping id, end_code code) {
  if (const auto parked = parked_.find(id); parked != parked_.end()) {
    close_mapped(parked->second, ports_);
    parked_.erase(parked);
  }
  if (const auto used = in_use_.find(id); used != in_use_.end()) {
    for (const auto& waiting : {used->second.by.lock(), used->second.next.lock()})
      if (waiting) waiting->stop(code);
  }
}

bool udp_nat::open_mapping(association& a) {
  const std::lock_guard lock(mutex_);
  const owner& who = a.who();
  const auto admitted =
      table_.admit(who.key, who.session, who.addressed ? who.source : std::nullopt, steady_clock::now());
  a.id = admitted.id;
  for (const auto id : admitted.evicted) retire(id, end_code::resources);
  int descriptor = -1;
  if (const auto parked = parked_.find(a.id); parked != parked_.end()) {
    descriptor = parked->second;
    parked_.erase(parked);
  } else if (const auto used = in_use_.find(a.id); used != in_use_.end()) {
    if (const auto holder = used->second.by.lock()) {
      if (const auto other = used->second.next.lock()) other->stop(end_code::graceful);
      used->second.next = a.weak_from_this();
      holder->stop(end_code::graceful);
      return true;
    }
  }
  try {
    in_use_[a.id] = {a.weak_from_this(), {}};
    const bool fresh = descriptor < 0;
    if (a.open(descriptor)) {
      if (fresh) ports_.insert(port_of(a.native()));
      return true;
    }
  } catch (const std::bad_alloc&) {
    // As if there were no descriptors.
  }
  if (const int taken = a.take_socket(); taken >= 0) descriptor = taken;
  if (descriptor >= 0) close_mapped(descriptor, ports_);
  table_.remove(a.id);
  in_use_.erase(a.id);
  return false;
}

// The socket goes to the association that waits for it, or is parked, or is closed without memory to park it.
void udp_nat::end_mapping(association& a) {
  const std::lock_guard lock(mutex_);
  const auto used = in_use_.find(a.id);
  if (used == in_use_.end()) return;
  if (used->second.by.lock().get() != &a) {  // it waited, in vain
    if (used->second.next.lock().get() == &a) used->second.next.reset();
    return;
  }
  const std::uint16_t port = a.port();
  const int descriptor = a.take_socket();
  if (const auto next = used->second.next.lock(); next && descriptor >= 0) {
    used->second = {next, {}};
    next->hand_over(descriptor);
    return;
  }
  in_use_.erase(used);
  try {
    if (table_.release(a.id, steady_clock::now()) && descriptor >= 0) {
      parked_[a.id] = descriptor;
      return;
    }
  } catch (const std::bad_alloc&) {
  }
  table_.remove(a.id);
  if (const auto found = ports_.find(port); found != ports_.end()) ports_.erase(found);
  if (descriptor >= 0) ::close(descriptor);
}

asio::awaitable<void> udp_nat::carry(std::unique_ptr<datagram_stream> stream, owner who) {
  const auto executor = stream->get_executor();
  const auto a = std::make_shared<association>(*this, std::move(stream), std::move(who));
  if (!open_mapping(*a)) {
    a->stop(end_code::resources);
    co_return;
  }
  const struct ending {
    udp_nat& nat;
    association& a;
    ~ending() { nat.end_mapping(a); }
  } whatever_happens{*this, *a};
  const bool there = co_await a->socket_there();
  if (!there) co_return;
  asio::co_spawn(executor, association::receive_from_outside(a), [a](std::exception_ptr failed) {
    if (failed) a->fail();  // a stream without answers is of no use
  });
  co_await a->send_outside();
}

asio::awaitable<void> udp_nat::sweep() {
  using std::chrono::milliseconds;
  const auto pause =
      std::clamp<duration>(std::min(limits_.idle, limits_.resume) / 16, milliseconds(5), milliseconds(1000));
  counted_timer timer(co_await asio::this_coro::executor);
  constexpr int max_failures = 1000;
  for (int failed = 0; failed < max_failures;) {
    try {
      timer.expires_after(pause);
      co_await timer.async_wait(asio::use_awaitable);
      failed = 0;
    } catch (const std::bad_alloc&) {
      ++failed;  // it sweeps at once, which may give some back
    }
    const std::lock_guard lock(mutex_);
    for (const auto id : table_.expire(steady_clock::now())) retire(id, end_code::graceful);
  }
}

}  // namespace muxpro::proxy
